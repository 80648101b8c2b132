# A trainer class that records the loss after the step, with an unguarded training and a plot at
# the end.

# 다항 논리 회귀 - Trainer 클래스, 학습 곡선 그리기
import warnings

import matplotlib.pyplot as plt
import torch
import torch.nn as nn

warnings.warn("과제 제출용 코드입니다")

X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                  [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2], dtype=torch.int64)


class Trainer:
    def __init__(self, model, lr):
        self.model = model
        self.criterion = nn.CrossEntropyLoss(reduction="mean")
        self.optimizer = torch.optim.SGD(model.parameters(), lr=lr)
        self.history = []

    def step(self, X, y):
        self.criterion(self.model(X), y).backward()
        self.optimizer.step()
        self.optimizer.zero_grad()

    @torch.no_grad()
    def record(self, X, y):
        # 갱신한 뒤의 손실을 기록한다
        self.history.append(self.criterion(self.model(X), y).item())

    def fit(self, X, y, epochs):
        for _ in range(epochs):
            self.step(X, y)
            self.record(X, y)
        return self.history


def build_model():
    return nn.Sequential(nn.Linear(4, 3))


def cross_entropy_loss(logits, target):
    return nn.CrossEntropyLoss()(logits, target)


def train(model, X, y, epochs=10000, lr=0.01):
    return Trainer(model, lr).fit(X, y, epochs)


def predict_proba(model, X):
    return nn.Softmax(dim=1)(model(X)).detach().numpy()


def predict(model, X):
    return predict_proba(model, X).argmax(axis=1)


# 여기부터 확인용 (파일을 실행하면 한 번 학습한다)
torch.manual_seed(2025)
my_model = build_model()
my_history = train(my_model, X, y, epochs=3000)
print("3000 에폭 손실:", my_history[-1])

fig, ax = plt.subplots()
ax.plot(my_history, label="loss")
ax.set_xlabel("epoch")
ax.set_ylabel("cross entropy")
ax.legend()
plt.show()
print("[1, 9, 9, 8] →", predict(my_model, torch.tensor([[1., 9., 9., 8.]]))[0])
