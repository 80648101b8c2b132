# The return stands inside the loop, so one epoch is all that runs.
# loses: training_loop, convergence

# 과제 1 (수정본)
import torch
import torch.nn as nn

hours = torch.tensor([0.0, 1, 3, 5, 8, 11, 15, 20]).reshape(-1, 1)
passed = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).reshape(-1, 1)


def weighted_sum(x: torch.Tensor, w: torch.Tensor, b) -> torch.Tensor:
    return torch.sum(x * w) + b


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
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        return history


def predict(model, x, threshold=0.5):
    hypothesis = model(x)
    prediction = hypothesis >= threshold
    return prediction.long()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, hours, passed)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
