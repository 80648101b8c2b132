# The weights are tensors kept as attributes, not registered as parameters, and updated by hand.

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def load_data(random_state=2025):
    data, target = load_wine(return_X_y=True)
    a, b, c, d = train_test_split(data, target, test_size=0.3, random_state=random_state)
    mean, std = a.mean(0), a.std(0)
    return (
        torch.tensor((a - mean) / std, dtype=torch.float32),
        torch.tensor((b - mean) / std, dtype=torch.float32),
        torch.tensor(c, dtype=torch.int64),
        torch.tensor(d, dtype=torch.int64),
    )


class ByHand(nn.Module):
    def __init__(self):
        super().__init__()
        self.W = torch.zeros(13, 3, requires_grad=True)
        self.b = torch.zeros(3, requires_grad=True)

    def forward(self, x):
        return x @ self.W + self.b


def build_model():
    torch.manual_seed(2025)
    return ByHand()


def train(model, X, y, epochs=300, lr=0.1):
    optimizer = torch.optim.SGD([model.W, model.b], lr=lr)
    history = []
    for _ in range(epochs):
        loss = F.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict_test_0(model, X_test):
    with torch.no_grad():
        return model(X_test)[0].argmax().item()
