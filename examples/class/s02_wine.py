"""와인 품종 예측하기. s02

은닉층이 하나 있는 모델. 출력은 log-softmax이고 손실은 NLL이다.
(log-softmax + NLL은 로짓 + 교차 엔트로피와 같은 식이다.)
"""
from __future__ import annotations

from dataclasses import dataclass

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler
from torch import Tensor, nn


@dataclass(frozen=True)
class Config:
    hidden: int = 16
    epochs: int = 300
    lr: float = 0.02


CONFIG = Config()


class WineNet(nn.Module):
    def __init__(self, hidden: int = CONFIG.hidden) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(13, hidden), nn.ReLU(), nn.Linear(hidden, 3))

    def forward(self, X: Tensor) -> Tensor:
        return nn.functional.log_softmax(self.body(X), dim=1)


def load_data(random_state: int = 2025) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    data, target = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(data, target, test_size=0.3, random_state=random_state)
    scaler = MinMaxScaler().fit(X_train)  # 테스트 쪽은 보지 않는다
    return (
        torch.tensor(scaler.transform(X_train), dtype=torch.float32),
        torch.tensor(scaler.transform(X_test), dtype=torch.float32),
        torch.tensor(y_train, dtype=torch.int64),
        torch.tensor(y_test, dtype=torch.int64),
    )


def build_model() -> nn.Module:
    return WineNet()


def train(model: nn.Module, X: Tensor, y: Tensor, epochs: int = CONFIG.epochs, lr: float = CONFIG.lr) -> list[float]:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.nll_loss(model(X), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


@torch.no_grad()
def predict_test_0(model: nn.Module, X_test: Tensor) -> int:
    return int(model(X_test[:1]).argmax(dim=1))


if __name__ == "__main__":
    torch.manual_seed(2025)
    X_train, X_test, y_train, y_test = load_data()
    net = build_model()
    print("마지막 손실:", train(net, X_train, y_train)[-1])
    print("테스트 0번:", predict_test_0(net, X_test), "/ 정답:", int(y_test[0]))
