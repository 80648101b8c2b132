# Library functions and lambdas under the contract's names, a Trainer helper class with Adamax,
# predictions as uint8.

# 라이브러리에 이미 있는 함수는 이름만 붙였습니다.
import torch
import torch.nn as nn
import torch.nn.functional as F

weighted_sum = lambda x, w, b: (x * w).sum() + b
sigmoid = torch.sigmoid
bce_loss = F.binary_cross_entropy
build_model = lambda: nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


class Trainer:
    """모델 하나를 학습시키는 도우미"""

    def __init__(self, model, lr):
        self.model = model
        self.optimizer = torch.optim.Adamax(model.parameters(), lr=lr)
        self.losses = []

    def one_epoch(self, x, y):
        self.optimizer.zero_grad()
        loss = bce_loss(self.model(x), y)
        loss.backward()
        self.optimizer.step()
        self.losses.append(loss.item())

    def fit(self, x, y, epochs):
        for _ in range(epochs):
            self.one_epoch(x, y)
        return self.losses


def train(model, x, y, epochs=1000, lr=0.01):
    return Trainer(model, lr).fit(x, y, epochs)


def predict(model, x, threshold=0.5):
    return torch.ge(model(x), threshold).to(torch.uint8)


if __name__ == "__main__":
    torch.manual_seed(2025)
    x = torch.tensor([0.0, 1, 3, 5, 8, 11, 15, 20]).unsqueeze(1)
    y = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).unsqueeze(1)
    model = build_model()
    print(train(model, x, y)[::100], predict(model, torch.tensor([[10.0]])))
