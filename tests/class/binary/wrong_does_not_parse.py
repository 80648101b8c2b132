# 단항 논리 회귀 과제
import torch
from torch import nn

x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


def sigmoid(z):
    return torch.sigmoid(z)


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        loss = bce_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item()
        if epoch % 100 == 0:
            print(f"epoch {epoch}: {loss.item():.6f}")
    return history


def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
