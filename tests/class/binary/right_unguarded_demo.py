# 단항 논리 회귀 과제 제출
# 맨 아래에서 한 번 학습하고 그림까지 그립니다 (if __name__ 없이)
import warnings

import matplotlib.pyplot as plt
import numpy as np
import torch
import torch.nn.functional as F
from torch import nn, optim

warnings.warn("한글 글꼴이 없으면 그림의 글자가 깨질 수 있습니다")
torch.manual_seed(2025)

x = torch.tensor([[0.], [1.], [3.], [5.], [8.], [11.], [15.], [20.]])
y = torch.tensor([[0.], [0.], [0.], [0.], [1.], [1.], [1.], [1.]])


def weighted_sum(x, w, b):
    return torch.sum(torch.mul(x, w)) + b


def sigmoid(z):
    return F.sigmoid(z)


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    n = y_true.numel()
    return -torch.sum(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)) / n


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    history = []
    for i in range(epochs + 1):
        optimizer.zero_grad()
        loss = F.binary_cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.detach())
        if i % 100 == 0:
            print(i, loss.item())
    return history


def predict(model, x, threshold=0.5):
    return model(x) >= threshold


w = torch.tensor([0.1, 0.2, 0.3])
print("가중합:", weighted_sum(torch.tensor([1., 2., 3.]), w, 0.5))

model = build_model()
history = train(model, x, y)

fig, ax = plt.subplots(1, 2, figsize=(9, 3))
ax[0].plot(np.array([h.item() for h in history]))
ax[0].set_title("손실")
grid = torch.linspace(0, 20, 100).view(-1, 1)
ax[1].scatter(x, y)
ax[1].plot(grid, model(grid).detach())
ax[1].set_title("합격 확률")
plt.show()

print("10시간:", predict(model, torch.tensor([[10.]])))
