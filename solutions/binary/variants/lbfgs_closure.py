# LBFGS with a closure and strong Wolfe line search; the history holds the loss before each
# step.

"""단항 논리 회귀 - LBFGS (closure 사용, strong Wolfe 직선 탐색)"""
import torch
from torch import nn, optim


def weighted_sum(x, w, b):
    total = b
    for xi, wi in zip(x, w):
        total = total + xi * wi
    return total


def sigmoid(z):
    return torch.sigmoid(z)


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    return nn.BCELoss()(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    criterion = nn.BCELoss()
    optimizer = optim.LBFGS(model.parameters(), lr=lr, max_iter=2, line_search_fn="strong_wolfe")
    losses = []

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(x), y)
        loss.backward()
        return loss

    for epoch in range(epochs):
        # step()은 첫 closure의 loss, 즉 갱신하기 전의 loss를 돌려준다
        loss = optimizer.step(closure)
        losses.append(float(loss))
    return losses


def predict(model, x, threshold=0.5):
    model.eval()
    with torch.no_grad():
        prob = model(x)
    return torch.where(prob >= threshold, 1, 0)


if __name__ == "__main__":
    X = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
    Y = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])
    torch.manual_seed(2025)
    net = build_model()
    log = train(net, X, Y)
    print(log[0], log[-1])
    print(predict(net, torch.FloatTensor([[10]])))
