# The gradient's formula by hand without any backward pass; the history is one tensor of epochs
# + 1 losses.

"""미분을 손으로 계산해서 푼 풀이.

dL/dw = mean((p - y) * x),  dL/db = mean(p - y)
backward()는 한 번도 부르지 않습니다.
"""
import numpy as np
import torch
import torch.nn as nn


def weighted_sum(x, w, b):
    return np.dot(np.asarray(x), np.asarray(w)) + float(b)


def sigmoid(z):
    return 0.5 * (torch.tanh(z / 2) + 1)


class Model(nn.Module):
    def __init__(self):
        super(Model, self).__init__()
        self.W = nn.Parameter(torch.rand(1, 1) - 0.5)
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return sigmoid(torch.matmul(x, self.W) + self.b)


def build_model():
    return Model()


def bce_loss(y_pred, y_true):
    # 정답이 1인 곳에서는 p, 0인 곳에서는 1-p의 로그
    picked = torch.where(y_true == 1, y_pred, 1 - y_pred)
    return -torch.log(picked).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    history = torch.zeros(epochs + 1)
    with torch.no_grad():
        for epoch in range(epochs + 1):
            p = model(x)
            history[epoch] = bce_loss(p, y)
            dw = ((p - y) * x).mean()
            db = (p - y).mean()
            model.W -= lr * dw
            model.b -= lr * db
    return history


def predict(model, x, threshold=0.5):
    p = model(x).detach()
    answer = torch.zeros_like(p)
    answer[p >= threshold] = 1
    return answer
