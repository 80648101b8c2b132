# predict ignores its argument and reads a global model that only the guarded demonstration
# makes.
# loses: predict

# 과제 1: 단항 논리 회귀
import torch
import torch.nn.functional as F
from torch import nn, optim

x_data = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_data = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)


def weighted_sum(x, w, b):
    z = torch.matmul(w, x)
    z = z + b
    return z


def sigmoid(z):
    """시그모이드 함수"""
    return 1 / (1 + torch.exp(-z))


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    pos = y_true * y_pred.log()
    neg = (1 - y_true) * (1 - y_pred).log()
    return -torch.mean(pos + neg)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = optim.SGD(model.parameters(), lr=lr)
    loss_list = []
    for epoch in range(epochs + 1):
        hypothesis = model(x)
        cost = F.binary_cross_entropy(hypothesis, y)
        # cost로 H(x) 개선
        optimizer.zero_grad()
        cost.backward()
        optimizer.step()
        loss_list.append(cost.item())
        if epoch % 100 == 0:
            print('Epoch {:4d}/{} Cost: {:.6f}'.format(epoch, epochs, cost.item()))
    return loss_list


def predict(net, x, threshold=0.5):
    prob = model(x)
    return (prob >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_data, y_data)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
