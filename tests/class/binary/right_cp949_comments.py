# -*- coding: cp949 -*-
# 메모장에서 ANSI(CP949)로 저장한 제출물
# 학번: 20251234   이름: 홍길동
import torch
import torch.nn as nn


# 입력과 가중치를 곱해서 더하고 편향을 더한다
def weighted_sum(x, w, b):
    결과 = 0.0
    for i in range(len(x)):
        결과 = 결과 + w[i] * x[i]
    return 결과 + b


# 시그모이드 함수 (0과 1 사이의 값)
def sigmoid(z):
    return 1 / (1 + torch.e ** (-z))


def build_model():
    return nn.Sequential(
        nn.Linear(1, 1),   # 가중치 하나, 편향 하나
        nn.Sigmoid(),
    )


# 이진 교차 엔트로피
def bce_loss(y_pred, y_true):
    손실 = -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred))
    return 손실.mean()


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    기록 = []
    for epoch in range(epochs + 1):
        예측 = model(x)
        loss = bce_loss(예측, y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        기록.append(loss.item())
        if epoch % 100 == 0:
            print("에폭", epoch, "손실", loss.item())
    return 기록


# 확률이 기준값 이상이면 합격(1), 아니면 불합격(0)
def predict(model, x, threshold=0.5):
    확률 = model(x)
    return (확률 >= threshold).float()


if __name__ == "__main__":
    print("십 시간 공부한 학생의 합격 여부를 예측합니다")
