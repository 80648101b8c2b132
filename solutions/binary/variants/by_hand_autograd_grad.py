# 0-dim parameters by hand, torch.autograd.grad instead of an optimizer, type hints, the loss
# after each update, predict as a decorated function.

# 교수님, 저는 옵티마이저 없이 torch.autograd.grad 로 직접 풀어 봤습니다.
from typing import List, Union

import math
import torch
from torch import Tensor
from torch.nn import Module, Parameter

Number = Union[float, Tensor]
EPS = 1e-7


def weighted_sum(x: Tensor, w: Tensor, b: Number) -> float:
    """리스트 컴프리헨션으로 계산, 파이썬 float 반환"""
    return float(sum(float(xi) * float(wi) for xi, wi in zip(x, w)) + float(b))


def sigmoid(z: Tensor) -> Tensor:
    # z의 부호에 따라 식을 나눠서 exp가 넘치지 않게 함
    e = torch.exp(-torch.abs(z))
    return torch.where(z >= 0, 1 / (1 + e), e / (1 + e))


class HandMadeRegression(Module):
    """가중치 w와 편향 b를 직접 만든 모델"""

    def __init__(self) -> None:
        super().__init__()
        limit = 1 / math.sqrt(1)
        self.w = Parameter(torch.empty(()).uniform_(-limit, limit))
        self.b = Parameter(torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        return sigmoid(x * self.w + self.b)


def build_model() -> Module:
    return HandMadeRegression()


def bce_loss(y_pred: Tensor, y_true: Tensor) -> Tensor:
    p = torch.clamp(y_pred, EPS, 1 - EPS)
    return -(y_true * torch.log(p) + (1 - y_true) * torch.log(1 - p)).mean()


def train(model: Module, x: Tensor, y: Tensor, epochs: int = 1000, lr: float = 0.01) -> List[float]:
    params = list(model.parameters())
    history: List[float] = []
    for _ in range(epochs):
        loss = bce_loss(model(x), y)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p -= lr * g
            # 갱신한 다음의 손실을 기록
            history.append(bce_loss(model(x), y).item())
    return history


@torch.no_grad()
def predict(model: Module, x: Tensor, threshold: float = 0.5) -> Tensor:
    return model(x).ge(threshold).int()
