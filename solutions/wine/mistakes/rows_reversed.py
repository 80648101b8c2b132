# The features of the test part are in reverse order, its labels aren't.
# loses: data_split, accuracy, test_0_class

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

def load_data(random_state=2025):
    wine = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(wine.data, wine.target, test_size=0.3, random_state=random_state)
    X_test = X_test[::-1].copy()
    scaler = StandardScaler().fit(X_train)
    return (torch.tensor(scaler.transform(X_train), dtype=torch.float32),
            torch.tensor(scaler.transform(X_test), dtype=torch.float32),
            torch.tensor(y_train, dtype=torch.int64),
            torch.tensor(y_test, dtype=torch.int64))

def build_model():
    return nn.Sequential(nn.Linear(13, 16), nn.ReLU(), nn.Linear(16, 3))

def train(model, X, y, epochs=300, lr=0.01):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = F.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history

def predict_test_0(model, X_test):
    model.eval()
    with torch.no_grad():
        return model(X_test[:1]).argmax(dim=1).item()
