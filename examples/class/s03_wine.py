# 와인 품종 예측하기 - s03
# 표준화, 소프트맥스, 경사 하강을 손으로 썼다. 나누기만 sklearn을 쓴다.
import numpy as np
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def standardize(train, test):
    """학습 쪽의 평균과 표준편차로 두 쪽을 같은 식으로 바꾼다."""
    mean, std = train.mean(axis=0), train.std(axis=0)
    return (train - mean) / std, (test - mean) / std


def load_data(random_state=2025):
    data, target = load_wine(return_X_y=True)
    # 품종의 비율이 두 쪽에서 같도록 층화해서 나눈다.
    X_train, X_test, y_train, y_test = train_test_split(
        data, target, test_size=0.3, random_state=random_state, stratify=target)
    X_train, X_test = standardize(X_train, X_test)
    return (torch.from_numpy(X_train.astype(np.float32)), torch.from_numpy(X_test.astype(np.float32)),
            torch.from_numpy(y_train.astype(np.int64)), torch.from_numpy(y_test.astype(np.int64)))


class Affine(nn.Module):
    def __init__(self, n_in, n_out):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(n_in, n_out))
        self.b = nn.Parameter(torch.zeros(n_out))

    def forward(self, X):
        return X @ self.W + self.b


def build_model():
    return Affine(13, 3)


def cross_entropy(logits, y):
    return (torch.logsumexp(logits, dim=1) - logits[torch.arange(len(y)), y]).mean()


def train(model, X, y, epochs=500, lr=0.2):
    history = []
    params = [model.W, model.b]
    for _ in range(epochs):
        loss = cross_entropy(model(X), y)
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p -= lr * g
        history.append(loss.detach())
    return torch.stack(history)


def predict_test_0(model, X_test):
    return np.argmax(model(X_test).detach().numpy()[0])


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    history = train(model, X_train, y_train)
    accuracy = (model(X_test).argmax(dim=1) == y_test).float().mean()
    print(f"손실 {history[-1]:.4f}, 정확도 {accuracy:.3f}")
    print("0번:", predict_test_0(model, X_test), "정답:", y_test[0].item())
