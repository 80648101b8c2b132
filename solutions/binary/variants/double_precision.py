# Everything in float64, with RMSprop and a device chosen at run time.

# 실수 오차가 싫어서 전부 float64로 계산했습니다.
import torch
from torch import nn

DTYPE = torch.float64


def weighted_sum(x, w, b):
    x = torch.as_tensor(x, dtype=DTYPE)
    w = torch.as_tensor(w, dtype=DTYPE)
    return x @ w + b


def sigmoid(z):
    return 1.0 / (1.0 + torch.exp(-z.to(DTYPE)))


class Logistic64(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1, dtype=DTYPE)

    def forward(self, x):
        return torch.sigmoid(self.linear(x.to(DTYPE)))


def build_model():
    return Logistic64()


def bce_loss(y_pred, y_true):
    y_true = y_true.to(y_pred.dtype)
    return -(y_true * y_pred.log() + (1 - y_true) * (1 - y_pred).log()).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    model.to(device)
    x, y = x.to(device), y.to(device)
    optimizer = torch.optim.RMSprop(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict(model, x, threshold=0.5):
    with torch.no_grad():
        return (model(x) >= threshold).double()
