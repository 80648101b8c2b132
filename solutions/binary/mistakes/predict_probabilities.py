# predict returns the probabilities instead of classes.
# loses: predict

# %% [markdown]
# 단항 논리 회귀, 예측은 확률로

# %%
import torch
from torch import nn, optim

# %%
x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])

# %% [markdown]
# ## 1. 가중합


# %%
def weighted_sum(x, w, b):
    return torch.dot(x, w) + b

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
    criterion = nn.BCELoss()
    return criterion(y_pred, y_true)

# %% [markdown]
# ## 5. 학습


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    criterion = nn.BCELoss()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    history = []
    for epoch in range(epochs):
        y_pred = model(x)
        loss = criterion(y_pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history

# %% [markdown]
# ## 6. 예측


# %%
def predict(model, x, threshold=0.5):
    with torch.no_grad():
        return model(x)


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
