import sys
import copy
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

SEED = 2025

# 행 번호를 나눈 다음 데이터를 골라낸다
def load_data(random_state=SEED):
    data, target = load_wine(return_X_y=True)
    train_idx, test_idx = train_test_split(range(len(data)), test_size=0.3, random_state=random_state)
    data = torch.tensor(data, dtype=torch.float32)
    target = torch.tensor(target, dtype=torch.int64)
    low = data[train_idx].amin(dim=0)
    high = data[train_idx].amax(dim=0)
    data = 2 * (data - low) / (high - low) - 1
    return data[train_idx], data[test_idx], target[train_idx], target[test_idx]


def build_model():
    layers = [nn.Linear(13, 12), nn.ELU(), nn.Linear(12, 3)]
    return nn.Sequential(*layers)


class Trainer:
    """가장 좋았던 가중치를 기억했다가 되돌린다"""

    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adam(model.parameters(), lr=lr)
        self.loss = nn.CrossEntropyLoss()
        self.best = (float("inf"), None)

    def one_epoch(self, X, y):
        self.optimizer.zero_grad()
        loss = self.loss(self.model(X), y)
        if loss.item() < self.best[0]:
            self.best = (loss.item(), copy.deepcopy(self.model.state_dict()))
        loss.backward()
        self.optimizer.step()
        return loss.item()

    def fit(self, X, y, epochs):
        history = [self.one_epoch(X, y) for _ in range(epochs)]
        self.model.load_state_dict(self.best[1])
        return history


def train(model, X, y, epochs=200, lr=0.02):
    return Trainer(model, lr).fit(X, y, epochs)


def predict_test_0(model, X_test):
    model.eval()
    return model(X_test)[0].topk(1).indices.item()


X_train, X_test, y_train, y_test = load_data()
model = build_model()
train(model, X_train, y_train)
result = predict_test_0(model, X_test)
print("예측:", result, "정답:", y_test[0].item())
sys.exit(0)
