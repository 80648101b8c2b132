# bce_loss returns one loss per row instead of their mean.
# loses: bce_loss

# %% [markdown]
# 단항 논리 회귀

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

# %%
x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


# %%
def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


# %%
def sigmoid(z):
    # 0 ~ 1 사이의 값
    return 1.0 / (1.0 + (-z).exp())


# %%
class BinaryClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.linear(x))


def build_model():
    return BinaryClassifier()


# %%
def bce_loss(y_pred, y_true):
    return F.binary_cross_entropy(y_pred, y_true, reduction="none")


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


# %%
def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
