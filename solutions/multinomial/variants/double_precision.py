# A float64 model trained by Adam, with each epoch's gradient gathered over two halves before
# one step.

# %%
# 정밀도를 높이려고 float64 로 계산했습니다.
import torch
from torch import nn
from torch.nn.functional import cross_entropy, softmax


class DoubleLinear(nn.Module):
    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(4, 3, dtype=torch.float64)

    def forward(self, x):
        return self.layer(x.double())


def build_model():
    return DoubleLinear()


def cross_entropy_loss(logits, target):
    return cross_entropy(logits.double(), target)


# %%
def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = torch.empty(0, dtype=torch.float64)
    chunk = []
    for epoch in range(epochs):
        # 큰 데이터도 돌아가도록 절반씩 나누어 역전파하고, 갱신은 에폭마다 한 번
        optimizer.zero_grad()
        total = 0.0
        for part_x, part_y in zip(X.split((len(X) + 1) // 2), y.split((len(y) + 1) // 2)):
            part = cross_entropy_loss(model(part_x), part_y) * len(part_x) / len(X)
            part.backward()
            total += part.item()
        optimizer.step()
        chunk.append(total)
    losses = torch.cat([losses, torch.tensor(chunk, dtype=torch.float64)])
    return losses


# %%
def predict_proba(model, X):
    with torch.no_grad():
        return softmax(model(X), dim=1)


def predict(model, X):
    return [int(k) for k in predict_proba(model, X).argmax(dim=1)]


# %%
if __name__ == "__main__":
    X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                      [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float32)
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    print(train(model, X, y)[-1], predict(model, torch.tensor([[1., 9., 9., 8.]])))
