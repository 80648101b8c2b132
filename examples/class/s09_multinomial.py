"""다항 논리 회귀 - s09

학습률은 여러 값을 넣어 보고 0.1로 정했다. 0.01보다 훨씬 빨리 내려간다.
"""
import torch
import torch.nn as nn

BEST_LR = 0.1


def build_model():
    return nn.Linear(4, 3)


def cross_entropy_loss(logits, target):
    return nn.CrossEntropyLoss(reduction="mean")(logits, target)


def train(model, X, y, epochs=10000, lr=0.01):
    lr = BEST_LR
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = cross_entropy_loss(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict_proba(model, X):
    return torch.softmax(model(X).detach(), dim=1)


def predict(model, X):
    return model(X).detach().argmax(dim=1)


if __name__ == "__main__":
    X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                      [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]]).float()
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    model = build_model()
    print(train(model, X, y)[-1])
    print(predict(model, torch.tensor([[1., 9., 9., 8.]])))
