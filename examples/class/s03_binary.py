# 단항 논리 회귀 - s03
# 라이브러리 함수 대신 식을 직접 써 보았다.
#   z = wx + b,  p = 1 / (1 + e^-z)
#   L = -평균( y log p + (1-y) log(1-p) )
#   dL/dw = 평균( (p - y) x ),  dL/db = 평균( p - y )
import numpy as np
import torch
import torch.nn as nn

EPS = 1e-7


def weighted_sum(x, w, b):
    total = b
    for xi, wi in zip(x, w):
        total = total + wi * xi
    return total


def sigmoid(z):
    # z가 아주 작을 때 e^-z가 넘치지 않도록 부호에 따라 두 식을 나눠 쓴다.
    e = torch.exp(-torch.abs(z))
    return torch.where(z >= 0, 1 / (1 + e), e / (1 + e))


class Neuron(nn.Module):
    """뉴런 하나: 가중치 하나, 편향 하나. 0에서 출발한다."""

    def __init__(self):
        super().__init__()
        self.w = nn.Parameter(torch.zeros(1, 1))
        self.b = nn.Parameter(torch.zeros(1))

    def forward(self, x):
        return sigmoid(x @ self.w + self.b)


def build_model():
    return Neuron()


def bce_loss(y_pred, y_true):
    p = y_pred.clamp(EPS, 1 - EPS)
    return -(y_true * p.log() + (1 - y_true) * (1 - p).log()).mean()


def np_sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1 / (1 + e), e / (1 + e))


def np_bce(p, y):
    p = np.clip(p, EPS, 1 - EPS)
    return float(-np.mean(y * np.log(p) + (1 - y) * np.log(1 - p)))


def gradient(p, x, y):
    diff = p - y
    return np.mean(diff * x), np.mean(diff)


def train(model, x, y, epochs=1000, lr=0.01):
    # 미분은 위의 식으로 NumPy에서 계산하고, 끝난 뒤에 모델에 옮겨 적는다.
    xs, ys = x.numpy().astype(np.float64), y.numpy().astype(np.float64)
    w, b = model.w.item(), model.b.item()
    history = []
    for _ in range(epochs + 1):
        p = np_sigmoid(w * xs + b)
        history.append(np_bce(p, ys))
        dw, db = gradient(p, xs, ys)
        w, b = w - lr * dw, b - lr * db
    with torch.no_grad():
        model.w.fill_(w)
        model.b.fill_(b)
    return np.array(history)


def predict(model, x, threshold=0.5):
    return (model(x).detach().numpy() >= threshold).astype(np.int64)


if __name__ == "__main__":
    x = torch.tensor([[0.], [1.], [3.], [5.], [8.], [11.], [15.], [20.]])
    y = torch.tensor([[0.], [0.], [0.], [0.], [1.], [1.], [1.], [1.]])
    m = build_model()
    h = train(m, x, y)
    print(h[0], h[100], h[-1])
    print("w, b =", m.w.item(), m.b.item())
    print(predict(m, torch.tensor([[10.]])))
