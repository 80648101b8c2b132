# bce_loss leaves out the term of the zeros.
# loses: bce_loss

"""단항 논리 회귀 과제."""
import torch
from torch import nn

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x: torch.Tensor, w: torch.Tensor, b) -> torch.Tensor:
    return torch.sum(x * w) + b


def sigmoid(z):
    """시그모이드 함수"""
    return 1 / (1 + torch.exp(-z))


def build_model():
    model = nn.Sequential(
        nn.Linear(1, 1),  # 입력 1개, 출력 1개
        nn.Sigmoid(),     # 확률로 바꾸기
    )
    return model


def bce_loss(y_pred, y_true):
    # 정답 확률의 로그
    return torch.mean(-y_true * torch.log(y_pred))


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
