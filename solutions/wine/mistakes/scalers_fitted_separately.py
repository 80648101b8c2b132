# Each part is scaled by a scaler of its own, so the two parts are on different scales.
# loses: data_split

import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MinMaxScaler


def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=random_state)
    # 둘 다 0 ~ 1 로 맞춘다
    X_train = MinMaxScaler().fit_transform(X_train)
    X_test = MinMaxScaler().fit_transform(X_test)
    X_train, X_test = [torch.tensor(v, dtype=torch.float32) for v in (X_train, X_test)]
    y_train, y_test = [torch.tensor(v, dtype=torch.int64) for v in (y_train, y_test)]
    return X_train, X_test, y_train, y_test


def build_model():
    return nn.Linear(13, 3)


def train(model, X, y, epochs=1000, lr=0.03):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict_test_0(model, X_test):
    with torch.no_grad():
        return int(model(X_test)[0].argmax())


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    print(X_train.min(), X_train.max(), X_test.min(), X_test.max())
    model = build_model()
    train(model, X_train, y_train)
    print(predict_test_0(model, X_test))
