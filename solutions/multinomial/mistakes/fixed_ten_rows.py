# The model reshapes its input to ten rows and raises for every other number of rows.
# loses: model_shape, training_loop, predict_proba, predict

# 다항 논리 회귀 (데이터 10개)
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                       [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


N, FEATURES, CLASSES = 10, 4, 3


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(FEATURES, CLASSES)

    def forward(self, x):
        x = x.view(N, FEATURES)   # (10, 4)
        return self.fc(x)         # (10, 3)


def build_model():
    return Model()


def cross_entropy_loss(logits, target):
    return F.cross_entropy(logits, target)


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


def predict_proba(model, X):
    with torch.no_grad():
        return torch.softmax(model(X), dim=1)


def predict(model, X):
    return predict_proba(model, X).argmax(dim=1)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    print(model(X).shape)
    print(train(model, X, y)[-1])
    print(predict(model, X))
