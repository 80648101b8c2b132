# The gradient derived by hand and trained in NumPy, then copied into the model; NumPy arrays
# are returned.

# 자동 미분을 쓰지 않고, 소프트맥스 회귀의 기울기를 직접 유도해서 NumPy 로 학습했습니다.
#   dL/dW = (P - Y)^T X / N ,   dL/db = mean(P - Y)
import numpy as np
import torch
import torch.nn as nn


def build_model():
    return nn.Linear(4, 3)


def cross_entropy_loss(logits, target):
    z = logits - logits.max(dim=1, keepdim=True)[0]
    log_p = z - z.exp().sum(dim=1, keepdim=True).log()
    return -log_p[range(len(target)), target].mean()


def softmax_np(z):
    z = z - z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return e / e.sum(axis=1, keepdims=True)


def train(model, X, y, epochs=10000, lr=0.01):
    x = X.detach().numpy().astype(np.float64)
    t = y.detach().numpy()
    n = len(x)
    rows = np.arange(n)
    W = model.weight.detach().numpy().astype(np.float64)   # 복사본
    b = model.bias.detach().numpy().astype(np.float64)
    history = []
    for _ in range(epochs):
        P = softmax_np(x @ W.T + b)
        history.append(-np.log(P[rows, t]).mean())
        D = P.copy()
        D[rows, t] -= 1
        W -= lr * (D.T @ x) / n
        b -= lr * D.mean(axis=0)
    # 학습이 끝난 값을 모델에 되돌려 넣는다
    with torch.no_grad():
        model.weight.copy_(torch.from_numpy(W))
        model.bias.copy_(torch.from_numpy(b))
    return np.array(history)


def predict_proba(model, X):
    with torch.no_grad():
        return softmax_np(model(X).numpy())


def predict(model, X):
    return np.argmax(predict_proba(model, X), axis=1)


if __name__ == "__main__":
    X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                           [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
    y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    print(train(model, X, y)[[0, 100, 1000, -1]])
    print(predict_proba(model, torch.FloatTensor([[1, 9, 9, 8]])).round(2))
