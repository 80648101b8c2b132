# The training works, but the history holds only the last loss.
# loses: convergence

# %%
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import Normalizer, RobustScaler
from torch import nn


# %%
def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        X, y, test_size=0.3, random_state=random_state, stratify=y
    )
    scaling = make_pipeline(RobustScaler(), Normalizer())
    return (
        torch.from_numpy(scaling.fit_transform(X_train)).float(),
        torch.from_numpy(scaling.transform(X_test)).float(),
        torch.from_numpy(y_train).long(),
        torch.from_numpy(y_test).long(),
    )


# %%
def build_model():
    return nn.Sequential(nn.Linear(13, 24), nn.ReLU(), nn.Linear(24, 3))


# %%
def train(model, X, y, epochs=300, lr=0.02):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for _ in range(epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
    history.append(loss.item())
    return history


# %%
def predict_test_0(model, X_test):
    return int(model(X_test)[0].argmax())
