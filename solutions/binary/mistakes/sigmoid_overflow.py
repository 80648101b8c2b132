# sigmoid is e^z / (1 + e^z), which is nan for large z.
# loses: sigmoid

# 과제 1 단항 논리 회귀
import torch
import torch.nn.functional as F
from torch import nn, optim

x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


def sigmoid(z):
    e = torch.exp(z)
    return e / (1 + e)


class BinaryClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.linear(x))


def build_model():
    return BinaryClassifier()


def bce_loss(y_pred, y_true):
    return F.binary_cross_entropy(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    """경사 하강법으로 model을 학습시킨다"""
    opt = optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        opt.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
