"""단항 논리 회귀. s02

모델은 nn.Module을 상속해서 만들고, 최적화는 Adam으로 했습니다.
"""
from __future__ import annotations

import torch
from torch import Tensor, nn


class StudyHours(nn.Module):
    """공부 시간 하나를 받아 합격 확률 하나를 내보낸다."""

    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x: Tensor) -> Tensor:
        return torch.sigmoid(self.linear(x))


def weighted_sum(x: Tensor, w: Tensor, b: float | Tensor) -> Tensor:
    return torch.sum(w * x) + b


def sigmoid(z: Tensor) -> Tensor:
    return torch.sigmoid(z)


def build_model() -> nn.Module:
    return StudyHours()


def bce_loss(y_pred: Tensor, y_true: Tensor) -> Tensor:
    return nn.functional.binary_cross_entropy(y_pred, y_true)


def train(model: nn.Module, x: Tensor, y: Tensor, epochs: int = 1000, lr: float = 0.01) -> list[float]:
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history: list[float] = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


@torch.no_grad()
def predict(model: nn.Module, x: Tensor, threshold: float = 0.5) -> Tensor:
    model.eval()
    # threshold와 같은 확률도 1로 센다
    return (model(x) >= threshold).long()


def main() -> None:
    torch.manual_seed(2025)
    x = torch.tensor([[0.], [1.], [3.], [5.], [8.], [11.], [15.], [20.]])
    y = torch.tensor([[0.], [0.], [0.], [0.], [1.], [1.], [1.], [1.]])
    model = build_model()
    history = train(model, x, y)
    print(f"손실 {history[0]:.4f} -> {history[-1]:.4f}")
    print("10시간:", predict(model, torch.tensor([[10.]])).item())


if __name__ == "__main__":
    main()
