# train trains nothing and returns a falling curve that it made up.
# loses: convergence, accuracy, test_0_class

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


def load_data(random_state=2025):
    wine = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(
        wine.data, wine.target, test_size=0.3, random_state=random_state)
    scaler = StandardScaler()
    X_train = torch.tensor(scaler.fit_transform(X_train), dtype=torch.float32)
    X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
    y_train = torch.tensor(y_train, dtype=torch.int64)
    y_test = torch.tensor(y_test, dtype=torch.int64)
    return X_train, X_test, y_train, y_test


def build_model():
    return nn.Linear(13, 3)


def train(model, X, y, epochs=1000, lr=0.01):
    # 시간이 없어서 비슷하게 내려가는 값으로 채움
    return [1.1 * 0.995 ** epoch for epoch in range(epochs)]


def predict_test_0(model, X_test):
    return model(X_test).argmax(dim=1)[0].item()
