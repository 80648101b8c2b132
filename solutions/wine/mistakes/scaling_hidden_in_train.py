# train scales its input inside, but load_data and predict_test_0 leave the measurements raw.
# loses: convergence, accuracy, test_0_class

import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

stats = {}


def load_data(random_state=2025):
    wine = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(
        wine.data, wine.target, test_size=0.3, random_state=random_state)
    return (torch.tensor(X_train, dtype=torch.float32), torch.tensor(X_test, dtype=torch.float32),
            torch.tensor(y_train, dtype=torch.int64), torch.tensor(y_test, dtype=torch.int64))


def build_model():
    return nn.Linear(13, 3)


def train(model, X, y, epochs=300, lr=0.1):
    # 학습할 때만 표준화
    stats["mean"], stats["std"] = X.mean(dim=0), X.std(dim=0)
    X_norm = (X - stats["mean"]) / stats["std"]
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = F.cross_entropy(model(X_norm), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict_test_0(model, X_test):
    return model(X_test).argmax(dim=1)[0].item()


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    train(model, X_train, y_train)
    print(predict_test_0(model, X_test), y_test[0].item())
