# The labels have the shape (N, 1) instead of (N,).
# loses: data_split

# %%
# 강의의 첫 예제처럼 y 를 (N, 1) 모양으로 만들었다.
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# %%
def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y.reshape(-1, 1), test_size=0.3, random_state=random_state)
    s = StandardScaler()
    return (torch.tensor(s.fit_transform(X_train), dtype=torch.float32), torch.tensor(s.transform(X_test), dtype=torch.float32),
            torch.tensor(y_train, dtype=torch.int64), torch.tensor(y_test, dtype=torch.int64))

# %%
def build_model():
    return nn.Linear(13, 3)

# %%
def train(model, X, y, epochs=1000, lr=0.03):
    y = y.reshape(-1)
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    out = []
    for i in range(epochs):
        loss = nn.CrossEntropyLoss()(model(X), y)
        opt.zero_grad()
        loss.backward()
        opt.step()
        out.append(loss.item())
    return out

# %%
def predict_test_0(model, X_test):
    return model(X_test).argmax(dim=1)[0].item()
