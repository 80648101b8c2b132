"""다항 논리 회귀. s02"""
from __future__ import annotations

import torch
from torch import Tensor, nn


class SoftmaxRegression(nn.Module):
    """로짓을 내보내는 선형 분류기. 소프트맥스는 predict_proba에서만 쓴다."""

    def __init__(self, n_features: int = 4, n_classes: int = 3) -> None:
        super().__init__()
        self.score = nn.Linear(n_features, n_classes)

    def forward(self, X: Tensor) -> Tensor:
        return self.score(X)


class Trainer:
    """학습 루프를 한곳에 모아 둔 클래스."""

    def __init__(self, model: nn.Module, lr: float) -> None:
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.history: list[float] = []

    def step(self, X: Tensor, y: Tensor) -> None:
        self.optimizer.zero_grad()
        loss = cross_entropy_loss(self.model(X), y)
        loss.backward()
        self.optimizer.step()
        self.history.append(loss.item())


def build_model() -> nn.Module:
    return SoftmaxRegression()


def cross_entropy_loss(logits: Tensor, target: Tensor) -> Tensor:
    return nn.functional.cross_entropy(logits, target)


def train(model: nn.Module, X: Tensor, y: Tensor, epochs: int = 10000, lr: float = 0.01) -> list[float]:
    trainer = Trainer(model, lr)
    for _ in range(epochs):
        trainer.step(X, y)
    return trainer.history


@torch.no_grad()
def predict_proba(model: nn.Module, X: Tensor) -> Tensor:
    return model(X).softmax(dim=-1)


def predict(model: nn.Module, X: Tensor) -> Tensor:
    return predict_proba(model, X).argmax(dim=-1)


if __name__ == "__main__":
    X = torch.tensor(
        [[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
         [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    net = build_model()
    print(train(net, X, y)[-1])
    print(predict_proba(net, torch.tensor([[1., 9., 9., 8.]])))
