# 다항 논리 회귀
# 이름: s06
import torch
from torch import nn, optim
import torch.nn.functional as F


class Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc = nn.Linear(4, 3)

    def forward(self, x):
        return self.fc(x)


def build_model():
    return Model()


def cross_entropy_loss(logits, target):
    # 로짓을 먼저 확률로 바꾼 다음 크로스 엔트로피를 구한다
    prob = F.softmax(logits, dim=1)
    return F.cross_entropy(prob, target)


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = cross_entropy_loss(model(X), y)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


def predict_proba(model, X):
    with torch.no_grad():
        return F.softmax(model(X), dim=1)


def predict(model, X):
    # 0번 축에서 제일 큰 것
    return predict_proba(model, X).argmax(dim=0)


if __name__ == "__main__":
    X = torch.tensor([[1., 2., 1., 1.], [2., 1., 3., 2.], [3., 1., 3., 4.], [4., 2., 5., 5.], [1., 6., 5., 5.],
                      [1., 4., 5., 8.], [1., 7., 7., 7.], [2., 8., 7., 8.], [2., 7., 6., 7.], [2., 6., 6., 6.]])
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    losses = train(model, X, y)
    print(losses[-1])  # 0.6 밑으로 잘 안 내려간다
    print(predict(model, torch.tensor([[1., 9., 9., 8.]])))
