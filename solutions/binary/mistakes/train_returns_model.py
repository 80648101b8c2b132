# train returns the trained model instead of the losses.
# loses: training_loop, convergence

# 단항 논리 회귀
import torch
from torch import nn

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    z = torch.matmul(w, x)
    z = z + b
    return z


def sigmoid(z):
    # 0 ~ 1 사이의 값
    return 1.0 / (1.0 + (-z).exp())


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    criterion = nn.BCELoss()
    return criterion(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    for _ in range(epochs):
        loss = bce_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model


def predict(model, x, threshold=0.5):
    """확률이 threshold 이상이면 1, 아니면 0"""
    with torch.no_grad():
        prob = model(x)
    return (prob >= threshold).int()
