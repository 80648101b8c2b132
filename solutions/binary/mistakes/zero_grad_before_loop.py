# zero_grad is called once before the loop only: gradients add up, the probabilities overshoot
# to exactly 0 and 1, and the formula's loss ends as nan.
# loses: training_loop, convergence

# 과제 1
import torch
from torch import nn, optim

x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


def sigmoid(z):
    """시그모이드 함수"""
    return 1 / (1 + torch.exp(-z))


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
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    """기울기를 0으로 만들고 시작한다"""
    opt = optim.SGD(model.parameters(), lr=lr)
    opt.zero_grad()
    losses = []
    for _ in range(epochs + 1):
        loss = bce_loss(model(x), y)
        loss.backward()
        opt.step()
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
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
