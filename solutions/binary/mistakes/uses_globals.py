# train learns from the template's global data instead of its arguments.
# loses: training_loop

# %% [markdown]
# # 단항 논리 회귀
# 데이터는 위에서 만든 x_data, y_data

# %%
import torch
from torch import nn

# %%
x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)

# %% [markdown]
# ## 1. 가중합


# %%
def weighted_sum(x, w, b):
    s = 0.0
    for i in range(len(x)):
        s += w[i] * x[i]
    return s + b

# %% [markdown]
# ## 2. 시그모이드


# %%
def sigmoid(z):
    # 0 ~ 1 사이의 값
    return 1.0 / (1.0 + (-z).exp())

# %% [markdown]
# ## 3. 모델


# %%
def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())

# %% [markdown]
# ## 4. 손실 함수


# %%
def bce_loss(y_pred, y_true):
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()

# %% [markdown]
# ## 5. 학습


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        pred = model(x_data)
        loss = bce_loss(pred, y_data)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history

# %% [markdown]
# ## 6. 예측


# %%
def predict(model, x, threshold=0.5):
    prob = model(x).detach()
    return torch.where(prob >= threshold, 1.0, 0.0)


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
