# weighted_sum multiplies its argument x in place, so the caller's x is changed.
# loses: weighted_sum

"""단항 논리 회귀

메모리를 아끼려고 in-place 연산을 썼습니다.
"""
import torch
from torch import nn

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    x *= w
    return x.sum() + b


def sigmoid(z: torch.Tensor) -> torch.Tensor:
    return z.sigmoid()


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
    criterion = nn.BCELoss()
    return criterion(y_pred, y_true)


def train(model: torch.nn.Module, x: torch.Tensor, y: torch.Tensor, epochs: int = 1000, lr: float = 0.01) -> list:
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loss_fn = torch.nn.BCELoss()
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = loss_fn(model(x), y)
        history.append(loss.detach())
        loss.backward()
        optimizer.step()
    return history


def predict(model, x, threshold=0.5):
    hypothesis = model(x)
    prediction = hypothesis >= threshold
    return prediction.long()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
