# sigmoid calls math.exp element by element, which raises OverflowError for large negative z.
# loses: sigmoid

# %% [markdown]
# 시그모이드는 math.exp로 직접 계산했다.

# %%
import math
import torch
from torch import nn, optim

# %%
x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


# %%
def weighted_sum(x: torch.Tensor, w: torch.Tensor, b) -> torch.Tensor:
    return torch.sum(x * w) + b


# %%
def sigmoid(z):
    values = [1 / (1 + math.exp(-v)) for v in z.flatten().tolist()]
    return torch.tensor(values).reshape(z.shape)


# %%
def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


# %%
def bce_loss(y_pred: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    return torch.nn.functional.binary_cross_entropy(y_pred, y_true)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    """경사 하강법으로 model을 학습시킨다"""
    opt = optim.Adam(model.parameters(), lr=lr)
    losses = []
    for _ in range(epochs):
        opt.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return losses


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
