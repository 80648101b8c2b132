# The loss takes the logarithm of an unshifted softmax and is nan for large logits.
# loses: cross_entropy_loss

# %% [markdown]
# # 다항 논리 회귀: 교차 엔트로피 직접 구현

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                       [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


# %%
def build_model():
    return nn.Linear(4, 3)


# %%
def softmax(z):
    e = torch.exp(z)
    return e / e.sum(dim=1, keepdim=True)


def cross_entropy_loss(logits, target):
    # -sum(y * log(p)) 의 평균
    y_one_hot = F.one_hot(target, num_classes=3).float()
    p = softmax(logits)
    return -(y_one_hot * torch.log(p)).sum(dim=1).mean()


# %%
def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs + 1):
        loss = cross_entropy_loss(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %%
def predict_proba(model, X):
    with torch.no_grad():
        return torch.softmax(model(X), dim=1)


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
