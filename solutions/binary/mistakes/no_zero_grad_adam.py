# zero_grad is missing under Adam: gradients add up and the loss swings up again.
# loses: training_loop, convergence

# %% [markdown]
# # 과제 1
# Adam을 쓰면 zero_grad가 필요 없는 줄 알았습니다

# %%
import torch
import torch.nn as nn
import torch.optim as optim

# %%
x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


# %%
def weighted_sum(x, w, b):
    s = 0.0
    for i in range(len(x)):
        s += w[i] * x[i]
    return s + b


# %%
def sigmoid(z):
    s = nn.Sigmoid()
    return s(z)


# %%
def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


# %%
def bce_loss(y_pred, y_true):
    criterion = nn.BCELoss()
    return criterion(y_pred, y_true)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    criterion = nn.BCELoss()
    optimizer = optim.Adam(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = criterion(model(x), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


# %%
def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
