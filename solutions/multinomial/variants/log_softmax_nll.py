# The model ends in LogSoftmax and trains with NLLLoss; log-probabilities are logits too.

# %% [markdown]
# ## 다항 논리 회귀 (LogSoftmax + NLLLoss)
# CrossEntropyLoss = LogSoftmax + NLLLoss 라고 배워서 둘로 나누어 보았다.
# 로그 소프트맥스에 소프트맥스를 다시 취하면 같은 확률이 나온다.

# %%
import torch
import torch.nn as nn


# %%
class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)
        self.log_softmax = nn.LogSoftmax(dim=1)

    def forward(self, x):
        return self.log_softmax(self.fc(x))


def build_model():
    return Net()


# %%
nll = nn.NLLLoss()


def cross_entropy_loss(logits, target):
    return nll(torch.log_softmax(logits, dim=1), target)


# %%
def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    loss_list = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        log_prob = model(X)
        cost = nll(log_prob, y)
        cost.backward()
        optimizer.step()
        loss_list.append(cost.item())
    return loss_list


# %%
def predict_proba(model, X):
    model.eval()
    with torch.no_grad():
        return torch.exp(model(X))


def predict(model, X):
    _, cls = torch.max(predict_proba(model, X), dim=1)
    return cls


# %%
if __name__ == "__main__":
    X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                           [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
    y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    model = build_model()
    print(train(model, X, y)[-1])
    print(predict(model, torch.FloatTensor([[1, 9, 9, 8]])))
