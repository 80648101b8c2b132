# Training stops as soon as an epoch gains less than 0.001, whatever epochs says.
# loses: training_loop, convergence

# %% [markdown]
# # 단항 논리 회귀
# 조기 종료(early stopping)를 넣었다

# %%
import torch
import torch.nn as nn

# %%
x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


# %%
def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


# %%
def sigmoid(z):
    """시그모이드 함수"""
    return 1 / (1 + torch.exp(-z))


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


# %%
def bce_loss(y_pred, y_true):
    pos = y_true * y_pred.log()
    neg = (1 - y_true) * (1 - y_pred).log()
    return -torch.mean(pos + neg)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = bce_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if history and history[-1] - loss.item() < 1e-3:
            print("조기 종료:", epoch)
            break
        history.append(loss.item())
    return history


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
