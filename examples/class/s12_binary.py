# 과제 1 단항 논리 회귀 (s12)
import torch
import torch.nn as nn


def weighted_sum(x, w, b):
    return (torch.as_tensor(x) * torch.as_tensor(w)).sum().item() + b


def sigmoid(z):
    return nn.Sigmoid()(z)


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    return nn.BCELoss()(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    # 학습은 항상 새 모델에서 시작해야 한다고 생각해서 다시 만들었다
    net = build_model()
    optimizer = torch.optim.SGD(net.parameters(), lr=lr)
    loss_list = []
    for epoch in range(epochs):
        loss = bce_loss(net(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        loss_list.append(loss.item())
    return loss_list


def predict(model, x, threshold=0.5):
    # 사람이 읽기 좋게 글자로 돌려준다
    return ["합격" if p >= threshold else "불합격" for p in model(x).flatten().tolist()]


if __name__ == "__main__":
    x = torch.tensor([[0.], [1.], [3.], [5.], [8.], [11.], [15.], [20.]])
    y = torch.tensor([[0.], [0.], [0.], [0.], [1.], [1.], [1.], [1.]])
    model = build_model()
    print(train(model, x, y)[-1])
    print(predict(model, torch.tensor([[10.]])))
