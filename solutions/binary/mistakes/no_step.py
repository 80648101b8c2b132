# optimizer.step is missing, so the parameters stay as they were.
# loses: training_loop, convergence

# 단항 논리 회귀 과제 (PyTorch)
import torch

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x: torch.Tensor, w: torch.Tensor, b) -> torch.Tensor:
    return torch.sum(x * w) + b


def sigmoid(z: torch.Tensor) -> torch.Tensor:
    return z.sigmoid()


class LogisticRegression(torch.nn.Module):
    """w*x + b 에 시그모이드"""

    def __init__(self) -> None:
        super().__init__()
        self.linear = torch.nn.Linear(1, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return torch.sigmoid(self.linear(x))


def build_model() -> torch.nn.Module:
    return LogisticRegression()


def bce_loss(y_pred: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.binary_cross_entropy(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        history.append(loss.item())
    return history


def predict(model: torch.nn.Module, x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return (model(x) >= threshold).to(torch.int64)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
