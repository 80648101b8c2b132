# The lesson's own way: a subclass of nn.Module, SGD, nn.CrossEntropyLoss, epochs + 1 losses
# recorded before the step.

# %% [markdown]
# # 다항 논리 회귀
# 수업에서 했던 방식 그대로: nn.Module + SGD + CrossEntropyLoss

# %%
import torch
import torch.nn as nn
import torch.optim as optim

X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                       [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


# %%
class MultinomialLogisticRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)  # 특성 4개, 클래스 3개

    def forward(self, x):
        return self.linear(x)


def build_model():
    return MultinomialLogisticRegression()


# %%
criterion = nn.CrossEntropyLoss()


def cross_entropy_loss(logits, target):
    return criterion(logits, target)


# %%
def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs + 1):
        output = model(X)
        loss = cross_entropy_loss(output, y)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()

        losses.append(loss.item())
        if epoch % 1000 == 0:
            print(f"epoch {epoch:5d}  loss {loss.item():.6f}")
    return losses


# %%
def predict_proba(model, X):
    with torch.no_grad():
        return torch.softmax(model(X), dim=1)


def predict(model, X):
    return torch.argmax(predict_proba(model, X), dim=1)


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    print(model)
    losses = train(model, X, y)
    x_new = torch.FloatTensor([[1, 9, 9, 8]])
    print(predict_proba(model, x_new))
    print(predict(model, x_new))
