# Splits 3:7 the wrong way round, and predict_test_0 returns the largest logit instead of its
# class.
# loses: data_split, test_0_class

# %%
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# %%
def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    # 비율을 거꾸로 적음
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.7, random_state=random_state)
    scaler = StandardScaler().fit(X_train)
    X_train = torch.tensor(scaler.transform(X_train), dtype=torch.float32)
    X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
    return X_train, X_test, torch.tensor(y_train), torch.tensor(y_test)

# %%
def build_model():
    return nn.Linear(13, 3)

# %%
def train(model, X, y, epochs=1000, lr=0.03):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs):
        loss = nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses

# %%
def predict_test_0(model, X_test):
    return model(X_test)[0].max().item()   # 가장 큰 값
