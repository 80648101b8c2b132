import sys

import torch
import torch.nn as nn
import torch.optim as optim


def weighted_sum(x, w, b):
    return torch.einsum("i,i->", x, w) + b


def sigmoid(z):
    return torch.exp(torch.nn.functional.logsigmoid(z))


class MyModel(nn.Module):
    def __init__(self):
        super().__init__()
        self.model = nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())

    def forward(self, x):
        return self.model(x)


def build_model():
    return MyModel()


def bce_loss(y_pred, y_true):
    return nn.BCELoss().forward(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = optim.NAdam(model.parameters(), lr=lr)
    losses = []
    epoch = 0
    while epoch <= epochs:
        loss = bce_loss(model(x), y)
        model.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        epoch += 1
    return losses


def predict(model, x, threshold=0.5):
    return model(x).detach().apply_(lambda p: 1.0 if p >= threshold else 0.0)


print("제출 전에 확인:", weighted_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.2, 0.3]), 0.5))
if len(sys.argv) < 3:
    print("사용법: python binary.py <epochs> <lr>")
    sys.exit(1)
