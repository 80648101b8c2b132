# The model ends in a softmax, so it gives probabilities and the cross-entropy can't get low.
# loses: model_shape, convergence

# %% [markdown]
# # 다항 논리 회귀

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                       [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


# %%
class SoftmaxClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)
        self.softmax = nn.Softmax(dim=1)

    def forward(self, x):
        # 확률이 나오도록 소프트맥스까지 통과시킨다
        return self.softmax(self.linear(x))


def build_model():
    return SoftmaxClassifier()


# %%
criterion = nn.CrossEntropyLoss()


def cross_entropy_loss(logits, target):
    return criterion(logits, target)


# %%
def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        hypothesis = model(X)
        cost = cross_entropy_loss(hypothesis, y)
        cost.backward()
        optimizer.step()
        history.append(cost.item())
        if epoch % 1000 == 0:
            print(f'Epoch {epoch}/{epochs} Cost: {cost.item():.6f}')
    return history


# %%
def predict_proba(model, X):
    return F.softmax(model(X), dim=1).detach()


# %%
def predict(model, X):
    return predict_proba(model, X).argmax(dim=1)


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, X, y)
    print("마지막 손실:", history[-1])

    x_new = torch.tensor([[1.0, 9.0, 9.0, 8.0]])
    print(predict_proba(model, x_new))
    print(predict(model, x_new))
