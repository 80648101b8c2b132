# bce_loss is detached and train uses it, so backward raises.
# loses: bce_loss, training_loop, convergence

# 손실은 숫자만 필요하므로 그래프를 떼었다.
import torch
import torch.nn as nn

hours = torch.tensor([0.0, 1, 3, 5, 8, 11, 15, 20]).reshape(-1, 1)
passed = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).reshape(-1, 1)


def weighted_sum(x, w, b):
    z = torch.matmul(w, x)
    z = z + b
    return z


def sigmoid(z):
    return torch.sigmoid(z)


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
    y_pred = y_pred.detach()
    return nn.functional.binary_cross_entropy(y_pred, y_true)


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
    """확률이 threshold 이상이면 1, 아니면 0"""
    with torch.no_grad():
        prob = model(x)
    return (prob >= threshold).int()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, hours, passed)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
