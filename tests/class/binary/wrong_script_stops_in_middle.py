# 과제 1
# 중간중간 assert로 확인하면서 작성
import torch
import torch.nn as nn
import torch.nn.functional as F
import torch.optim as optim

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    return torch.dot(x, w) + b


def sigmoid(z):
    # 0 ~ 1 사이의 값
    return 1.0 / (1.0 + (-z).exp())


def build_model():
    model = nn.Sequential(
        nn.Linear(1, 1),  # 입력 1개, 출력 1개
        nn.Sigmoid(),     # 확률로 바꾸기
    )
    return model


def bce_loss(y_pred, y_true):
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


# 수업 자료의 값과 같은지 확인
torch.manual_seed(2025)
first_loss = bce_loss(build_model()(x_train), y_train).item()
assert first_loss == 0.9551, f"손실이 다릅니다: {first_loss}"


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


def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
