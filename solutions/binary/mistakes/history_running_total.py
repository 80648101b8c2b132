# The history holds the running total of the losses.
# loses: training_loop, convergence

# 단항 논리 회귀
# 손실을 계속 더해 가면서 기록
import torch
from torch import nn

x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


def weighted_sum(x, w, b):
    s = 0.0
    for i in range(len(x)):
        s += w[i] * x[i]
    return s + b


def sigmoid(z):
    """시그모이드 함수"""
    return 1 / (1 + torch.exp(-z))


class Model(nn.Module):
    def __init__(self):
        super(Model, self).__init__()
        self.fc = nn.Linear(1, 1)

    def forward(self, x):
        z = self.fc(x)
        return torch.sigmoid(z)


def build_model():
    model = Model()
    return model


def bce_loss(y_pred, y_true):
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    running_loss = 0.0
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        running_loss += loss.item()
        history.append(running_loss)
    return history


def predict(model, x, threshold=0.5):
    """확률이 threshold 이상이면 1, 아니면 0"""
    with torch.no_grad():
        prob = model(x)
    return (prob >= threshold).int()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
