# The loss is returned as a Python float without gradient; the training uses a criterion of its
# own.
# loses: cross_entropy_loss

# 과제 - 다항 논리 회귀
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                  [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


def build_model():
    # 특성 4개 → 클래스 3개
    model = nn.Sequential(nn.Linear(4, 3))
    return model


def cross_entropy_loss(logits, target):
    loss = nn.CrossEntropyLoss()(logits, target)
    return loss.item()


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loss_fn = nn.CrossEntropyLoss()
    losses = []
    for epoch in range(epochs + 1):
        loss = loss_fn(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict_proba(model, X):
    return F.softmax(model(X), dim=1).detach()


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
