# Parameters, cross-entropy and updates by hand with torch.autograd.grad; the history is one
# tensor of epochs + 1 losses.

# nn.Linear, optimizer 없이 수식으로만 구현했습니다.
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    parts = train_test_split(X, y, test_size=0.3, random_state=random_state)
    X_train, X_test = (torch.tensor(p).float() for p in parts[:2])
    y_train, y_test = (torch.tensor(p).long() for p in parts[2:])
    # 표준화 (torch 로 직접)
    mu = X_train.mean(dim=0, keepdim=True)
    sigma = X_train.std(dim=0, keepdim=True)
    return (X_train - mu) / sigma, (X_test - mu) / sigma, y_train, y_test


class HandMade(nn.Module):
    def __init__(self):
        super().__init__()
        self.W = nn.Parameter(torch.zeros(13, 3))
        self.b = nn.Parameter(torch.zeros(3))

    def forward(self, X):
        return X @ self.W + self.b


def build_model():
    return HandMade()


def log_softmax(z):
    z = z - z.max(dim=1, keepdim=True).values
    return z - torch.log(torch.exp(z).sum(dim=1, keepdim=True))


def cost(z, y):
    """크로스 엔트로피: 정답 위치의 log 확률만 골라서 평균"""
    rows = torch.arange(len(y))
    return -log_softmax(z)[rows, y].mean()


def train(model, X, y, n_epochs=300, learning_rate=0.1):
    params = list(model.parameters())
    history = torch.zeros(n_epochs + 1)
    for epoch in range(n_epochs + 1):
        loss = cost(model(X), y)
        history[epoch] = loss.detach()
        if epoch == n_epochs:
            break
        grads = torch.autograd.grad(loss, params)
        with torch.no_grad():
            for p, g in zip(params, grads):
                p -= learning_rate * g
    return history


def predict_test_0(model, X_test):
    z = model(X_test).detach()
    return z[0].argmax()


if __name__ == '__main__':
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    print(train(model, X_train, y_train)[-1])
    print(predict_test_0(model, X_test))
