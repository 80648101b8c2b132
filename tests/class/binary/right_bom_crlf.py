# %% [markdown]
# 윈도우 메모장에서 "UTF-8(BOM)"으로 저장한 파일

# %%
import torch
from torch import nn
from tqdm import tqdm


# %%
def weighted_sum(x, w, b):
    """입력 x와 가중치 w의 내적에 편향 b를 더한 값"""
    return torch.dot(x, w).add(b)


# %%
def sigmoid(z):
    return nn.Sigmoid()(z)


# %%
class Perceptron(nn.Module):
    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.zeros(1, 1))
        self.bias = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        z = nn.functional.linear(x, self.weight, self.bias)
        return sigmoid(z)


def build_model():
    """가중치와 편향이 0에서 출발하는 모델"""
    return Perceptron()


# %%
def bce_loss(y_pred, y_true):
    loss = nn.BCELoss()
    return loss(y_pred, y_true)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    bar = tqdm(range(epochs), desc="학습", ncols=80)
    for _ in bar:
        optimizer.zero_grad()
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        bar.set_postfix(loss=f"{loss.item():.4f}")
    return history


# %%
def predict(model, x, threshold=0.5):
    with torch.no_grad():
        y_hat = model(x)
    return (y_hat >= threshold).to(torch.int64)
