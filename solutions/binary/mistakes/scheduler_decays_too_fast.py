# A scheduler halves the learning rate every ten epochs, so training stalls far from the
# threshold.
# loses: convergence

# 학습률 스케줄러를 사용한 풀이
import torch
import torch.nn.functional as F
from torch import nn, optim

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    s = 0.0
    for i in range(len(x)):
        s += w[i] * x[i]
    return s + b


def sigmoid(z):
    s = nn.Sigmoid()
    return s(z)


class LogisticRegression(torch.nn.Module):
    """w*x + b 에 시그모이드"""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.linear(x))


def build_model() -> torch.nn.Module:
    return LogisticRegression()


def bce_loss(y_pred, y_true):
    return F.binary_cross_entropy(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    scheduler = optim.lr_scheduler.StepLR(optimizer, step_size=10, gamma=0.5)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        losses.append(loss.item())
    return losses


def predict(model, x, threshold=0.5):
    """확률이 threshold 이상이면 1, 아니면 0"""
    with torch.no_grad():
        prob = model(x)
    return (prob >= threshold).int()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
