# load_data returns raw measurements and the model's first layer standardizes them with module-
# level statistics.

# 데이터는 그대로 두고, 모델의 첫 층에서 표준화한다.
import numpy as np
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

WINE = load_wine()


def load_data(random_state=2025):
    X_train, X_test, y_train, y_test = train_test_split(
        WINE.data, WINE.target, test_size=0.3, random_state=random_state)
    return (torch.as_tensor(X_train, dtype=torch.float32), torch.as_tensor(X_test, dtype=torch.float32),
            torch.as_tensor(y_train, dtype=torch.int64), torch.as_tensor(y_test, dtype=torch.int64))


_X = load_data()[0]          # 2025 의 학습 부분에서 평균과 표준편차를 구해 둔다
MEAN, STD = _X.mean(0), _X.std(0)


class Standardize(nn.Module):
    def __init__(self, mean, std):
        super().__init__()
        self.register_buffer("mean", mean.clone())
        self.register_buffer("std", std.clone())

    def forward(self, x):
        return (x - self.mean) / self.std


def build_model():
    return nn.Sequential(Standardize(MEAN, STD), nn.Linear(13, 3))


def train(model, X, y, epochs=200, lr=0.05):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        loss = F.nll_loss(F.log_softmax(model(X), dim=1), y)
        history.append(np.float32(loss.item()))
        opt.zero_grad(); loss.backward(); opt.step()
    return history


def predict_test_0(model, X_test):
    logits = model(X_test).detach().numpy()
    return np.argmax(logits, axis=1)[0]


if __name__ == "__main__":
    Xtr, Xte, ytr, yte = load_data()
    model = build_model()
    print(train(model, Xtr, ytr)[-1], predict_test_0(model, Xte), yte[0].item())
