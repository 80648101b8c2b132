"""다항 논리 회귀 - s11. 이번에는 모멘텀을 붙인 SGD."""
import torch
import torch.nn as nn
import torch.nn.functional as F


def build_model():
    return nn.Linear(4, 3)


def cross_entropy_loss(logits, target):
    return F.nll_loss(F.log_softmax(logits, dim=1), target)


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = cross_entropy_loss(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict_proba(model, X):
    with torch.no_grad():
        return F.log_softmax(model(X), dim=1).exp()


def predict(model, X):
    with torch.no_grad():
        return model(X).argmax(dim=1).tolist()


if __name__ == "__main__":
    X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                      [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    losses = train(model, X, y)
    print(f"{losses[0]:.4f} -> {losses[-1]:.4f}")
    print(predict(model, torch.tensor([[1., 9., 9., 8.]])))
