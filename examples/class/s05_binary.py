# s05 단항 논리 회귀 과제
import torch
import torch.nn as nn

x_data = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_data = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    return torch.matmul(w, x) + b


def sigmoid(z):
    return 1.0 / (1.0 + torch.exp(-z))


def build_model():
    model = nn.Sequential(
        nn.Linear(1, 1),
        nn.Sigmoid()
    )
    return model


def bce_loss(y_pred, y_true):
    loss_fn = nn.BCELoss()
    return loss_fn(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    opt = torch.optim.SGD(model.parameters(), lr=lr)
    hist = []
    for i in range(epochs):
        out = model(x)
        loss = bce_loss(out, y)
        loss.backward()
        opt.step()
        hist.append(loss.item())
    return hist


def predict(model, x, threshold=0.5):
    out = model(x)
    return (out >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    hist = train(model, x_data, y_data)
    # 수업에서는 0.3087이라고 했는데 나는 훨씬 작게 나온다. 왜지? 더 좋은 건가?
    print(hist[-1])
    print(predict(model, torch.FloatTensor([[10]])))
