# bce_loss sums instead of taking the mean; training uses nn.BCELoss.
# loses: bce_loss

# 단항 논리 회귀 / 제출용
import torch
from torch import nn, optim

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    z = torch.matmul(w, x)
    z = z + b
    return z


def sigmoid(z):
    s = nn.Sigmoid()
    return s(z)


def build_model():
    model = nn.Sequential(
        nn.Linear(1, 1),  # 입력 1개, 출력 1개
        nn.Sigmoid(),     # 확률로 바꾸기
    )
    return model


def bce_loss(y_pred, y_true):
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).sum()


def train(model, x, y, epochs=1000, lr=0.01):
    criterion = nn.BCELoss()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    history = []
    for epoch in range(epochs):
        y_pred = model(x)
        loss = criterion(y_pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict(model, x, threshold=0.5):
    prob = model(x).detach()
    return torch.where(prob >= threshold, 1.0, 0.0)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
