# Weights and bias as nn.Parameter, log-sum-exp by hand, torch.autograd.grad and updates by
# hand, a NumPy history.

"""다항 논리 회귀를 nn.Linear 없이 구현해 보았습니다. (수식은 강의 노트 참고)"""
import math

import numpy as np
import torch
from torch import nn


class SoftmaxRegression(nn.Module):
    """z = xW + b"""

    def __init__(self, n_features, n_classes):
        super().__init__()
        limit = 1 / math.sqrt(n_features)
        self.W = nn.Parameter((torch.rand(n_features, n_classes) * 2 - 1) * limit)
        self.b = nn.Parameter(torch.zeros(n_classes))

    def forward(self, x):
        return x @ self.W + self.b


def build_model():
    return SoftmaxRegression(4, 3)


def log_sum_exp(z):
    # 가장 큰 값을 빼 주어야 exp 가 넘치지 않는다
    biggest = z.max(dim=1, keepdim=True).values
    return biggest.squeeze(1) + torch.log(torch.exp(z - biggest).sum(dim=1))


def cross_entropy_loss(logits, target):
    picked = logits[torch.arange(len(target)), target]
    return (log_sum_exp(logits) - picked).mean()


def train(model, X, y, epochs=10000, lr=0.01):
    # 옵티마이저 없이 경사 하강법을 손으로
    params = list(model.parameters())
    history = np.zeros(epochs)
    for i in range(epochs):
        loss = cross_entropy_loss(model(X), y)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p -= lr * g
        history[i] = loss.detach().numpy()
    return history


@torch.no_grad()
def predict_proba(model, X):
    z = model(X)
    return torch.exp(z - log_sum_exp(z).unsqueeze(1))


@torch.no_grad()
def predict(model, X):
    return model(X).max(dim=1).indices


if __name__ == "__main__":
    X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                      [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, X, y)
    print(history[0], history[100], history[1000], history[-1])
    print(predict(model, torch.tensor([[1., 9., 9., 8.]])))
