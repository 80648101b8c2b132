# weighted_sum forgets to add b.
# loses: weighted_sum

# 단항 논리 회귀 과제
# 3조
import torch
import torch.nn as nn
import torch.optim as optim

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    # 입력과 가중치를 곱해서 모두 더한다
    return torch.sum(x * w)


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
    criterion = nn.BCELoss()
    optimizer = optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    history = []
    for epoch in range(epochs):
        y_pred = model(x)
        loss = criterion(y_pred, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
