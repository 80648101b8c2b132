# The rows are shuffled in every epoch but the labels are not.
# loses: training_loop, convergence

# 다항 논리 회귀 - 데이터를 섞어서 학습
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                       [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


class SoftmaxClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(4, 3)

    def forward(self, x):
        return self.linear(x)


def build_model():
    return SoftmaxClassifier()


def cross_entropy_loss(logits, target):
    return F.cross_entropy(logits, target)


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    rng = torch.Generator().manual_seed(2025)
    losses = []
    for epoch in range(epochs):
        # 매 에폭마다 순서를 섞는다
        order = torch.randperm(len(X), generator=rng)
        batch = X[order]
        loss = cross_entropy_loss(model(batch), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict_proba(model, X):
    with torch.no_grad():
        return torch.softmax(model(X), dim=1)


def predict(model, X):
    return predict_proba(model, X).argmax(dim=1)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, X, y)
    print("마지막 손실:", history[-1])

    x_new = torch.tensor([[1.0, 9.0, 9.0, 8.0]])
    print(predict_proba(model, x_new))
    print(predict(model, x_new))
