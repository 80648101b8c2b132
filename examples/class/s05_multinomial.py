# s05 다항 논리 회귀 과제
import torch
import torch.nn as nn
import torch.nn.functional as F


def build_model():
    return nn.Linear(4, 3)


def cross_entropy_loss(logits, target):
    return F.cross_entropy(logits, target)


def train(model, X, y, epochs=10000, lr=0.01):
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    opt.zero_grad()  # 지난번에 빠뜨려서 이번에는 맨 앞에 넣었다
    hist = []
    for i in range(epochs):
        loss = cross_entropy_loss(model(X), y)
        loss.backward()
        opt.step()
        hist.append(loss.item())
    return hist


def predict_proba(model, X):
    with torch.no_grad():
        return F.softmax(model(X), dim=1)


def predict(model, X):
    return predict_proba(model, X).argmax(1)


if __name__ == "__main__":
    X_data = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                                [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
    y_data = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    hist = train(model, X_data, y_data)
    print(hist[0], max(hist), hist[-1])
    print(predict(model, torch.FloatTensor([[1, 9, 9, 8]])))
