# predict_test_0 takes argmin instead of argmax.
# loses: test_0_class

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
    return nn.Sequential(nn.Linear(13, 10), nn.Tanh(), nn.Linear(10, 3))


def train(model, X, y, epochs=150, lr=0.02):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs):
        loss = F.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict_test_0(model, X_test):
    prob = F.softmax(model(X_test), dim=1)
    return prob[0].argmin().item()


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    train(model, X_train, y_train)
    print(predict_test_0(model, X_test))
