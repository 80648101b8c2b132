# weighted_sum reshapes to exactly three elements and raises for any other length.
# loses: weighted_sum

# %% [markdown]
# # 단항 논리 회귀
# 행렬 곱으로 풀기

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

# %%
hours = torch.tensor([0.0, 1, 3, 5, 8, 11, 15, 20]).reshape(-1, 1)
passed = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).reshape(-1, 1)

# %% [markdown]
# ## 1. 가중합


# %%
def weighted_sum(x, w, b):
    x = x.reshape(1, 3)
    w = w.reshape(3, 1)
    return (torch.mm(x, w) + b).squeeze()

# %% [markdown]
# ## 2. 시그모이드


# %%
def sigmoid(z):
    # 0 ~ 1 사이의 값
    return 1.0 / (1.0 + (-z).exp())

# %% [markdown]
# ## 3. 모델


# %%
class Model(nn.Module):
    def __init__(self):
        super(Model, self).__init__()
        self.fc = nn.Linear(1, 1)

    def forward(self, x):
        z = self.fc(x)
        return torch.sigmoid(z)


def build_model():
    model = Model()
    return model

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
    optimizer = optim.SGD(model.parameters(), lr=lr)
    loss_list = []
    for epoch in range(epochs + 1):
        hypothesis = model(x)
        cost = F.binary_cross_entropy(hypothesis, y)
        # cost로 H(x) 개선
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        loss_list.append(cost.item())
        if epoch % 100 == 0:
            print('Epoch {:4d}/{} Cost: {:.6f}'.format(epoch, epochs, cost.item()))
    return loss_list

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
    history = train(model, hours, passed)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
