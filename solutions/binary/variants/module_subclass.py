# A subclass of nn.Module in percent cells; the history is a list of loss tensors with their
# graph, and the loop prints.

# %% [markdown]
# # 과제 1. 단항 논리 회귀
# nn.Module을 상속해서 풀었습니다.

# %%
import matplotlib.pyplot as plt
import torch
import torch.nn as nn
import torch.nn.functional as F

x_train = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_train = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


# %%
def weighted_sum(x, w, b):
    """w·x + b"""
    return torch.dot(w, x) + b


# %%
def sigmoid(z):
    """시그모이드. torch.exp(1000)은 inf지만 1 / inf = 0 이라 괜찮다."""
    return 1 / (1 + torch.exp(-z))


# %%
class LogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        return sigmoid(self.linear(x))


def build_model():
    return LogisticRegression()


# %%
def bce_loss(y_pred, y_true):
    return F.binary_cross_entropy(y_pred, y_true)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        y_pred = model(x)
        loss = bce_loss(y_pred, y)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        history.append(loss)  # 그래프가 달린 텐서 그대로
        if epoch % 100 == 0:
            print(f"epoch {epoch:4d}  loss {loss.item():.6f}")
    return history


# %%
def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(model.state_dict())
    print("10시간 공부하면:", predict(model, torch.tensor([[10.0]])))

    plt.plot([loss.item() for loss in history])
    plt.show()
