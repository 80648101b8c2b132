# The model has four outputs instead of three.
# loses: model_shape, predict_proba

# 과제 2 다항 논리 회귀
import torch
from torch import nn
from torch.nn import functional as F

X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                  [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


def build_model():
    # 입력이 4개라서 4 → 4
    return nn.Sequential(
        nn.Linear(4, 4),
    )


def cross_entropy_loss(logits, target):
    return F.cross_entropy(logits, target)


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    loss_list = []
    for _ in range(epochs):
        loss = cross_entropy_loss(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_list.append(float(loss))
    return loss_list


def predict_proba(model, X):
    with torch.no_grad():
        return torch.softmax(model(X), dim=1)


def predict(model, X):
    with torch.no_grad():
        return torch.argmax(model(X), dim=1)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, X, y)
    print("마지막 손실:", history[-1])

    x_new = torch.tensor([[1.0, 9.0, 9.0, 8.0]])
    print(predict_proba(model, x_new))
    print(predict(model, x_new))
