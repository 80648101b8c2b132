# predict uses > instead of >=, so equality counts as 0.
# loses: predict

# 단항 논리 회귀
import torch
import torch.nn.functional as F
from torch import nn

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


def sigmoid(z):
    return torch.sigmoid(z)


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
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        loss = bce_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        if epoch % 100 == 0:
            print(f"epoch {epoch}: {loss.item():.6f}")
    return history


def predict(model, x, threshold=0.5):
    return (model(x) > threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
