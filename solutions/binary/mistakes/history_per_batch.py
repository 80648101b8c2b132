# The history has an entry per mini-batch instead of per epoch.
# loses: training_loop

# %% [markdown]
# 미니배치로 학습 (batch_size = 4)

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim
from torch.utils.data import DataLoader, TensorDataset

# %%
x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


# %%
def weighted_sum(x, w, b):
    return torch.dot(x, w) + b


# %%
def sigmoid(z):
    """시그모이드 함수"""
    return 1 / (1 + torch.exp(-z))


# %%
def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


# %%
def bce_loss(y_pred, y_true):
    return F.binary_cross_entropy(y_pred, y_true)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    loader = DataLoader(TensorDataset(x, y), batch_size=4)
    optimizer = optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        for xb, yb in loader:
            loss = bce_loss(model(xb), yb)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            history.append(loss.item())
    return history


# %%
def predict(model: torch.nn.Module, x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    model.eval()
    with torch.no_grad():
        return (model(x) >= threshold).to(torch.int64)


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
