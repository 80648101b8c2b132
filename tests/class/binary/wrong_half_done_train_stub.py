# 예측까지는 했는데 학습이 안 됩니다
import torch
from torch import nn, optim

hours = torch.tensor([0.0, 1, 3, 5, 8, 11, 15, 20]).reshape(-1, 1)
passed = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).reshape(-1, 1)


def weighted_sum(x, w, b):
    s = 0.0
    for i in range(len(x)):
        s += w[i] * x[i]
    return s + b


def sigmoid(z):
    s = nn.Sigmoid()
    return s(z)


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
    criterion = nn.BCELoss()
    return criterion(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    history = []
    # for epoch in range(epochs + 1):
    raise NotImplementedError("학습 루프를 아직 못 만들었습니다")


def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, hours, passed)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
