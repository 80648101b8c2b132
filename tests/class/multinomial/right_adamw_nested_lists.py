# -*- coding: utf-8 -*-
# 다항 논리 회귀 과제 (메모장에서 작성)
import torch
from torch import nn, optim

LEARNING_RATE = 0.01
N_CLASS = 3


def build_model():
    model = nn.Sequential()
    model.add_module("선형층", nn.Linear(4, N_CLASS))
    return model


def cross_entropy_loss(logits, target):
    # 로그 소프트맥스에서 정답 위치만 골라 평균
    log_p = torch.log_softmax(logits, dim=1)
    return -log_p.gather(1, target.view(-1, 1)).mean()


def train(model, X, y, epochs=10000, lr=LEARNING_RATE):
    opt = optim.AdamW(model.parameters(), lr=lr)
    history = []
    model.train()
    for epoch in range(1, epochs + 1):
        opt.zero_grad()
        loss = cross_entropy_loss(model(X), y)
        loss.backward()
        opt.step()
        history.append(loss.detach())
        if epoch % 2000 == 0:
            print("%d번째 손실 %.4f" % (epoch, loss))
    model.eval()
    return history


def predict_proba(model, X):
    # 보기 편하게 파이썬 리스트로 돌려준다
    with torch.no_grad():
        return torch.softmax(model(X), dim=1).tolist()


def predict(model, X):
    return [row.index(max(row)) for row in predict_proba(model, X)]


if __name__ == "__main__":
    X = torch.tensor([[1., 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                      [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    m = build_model()
    train(m, X, y)
    print(predict(m, torch.tensor([[1., 9, 9, 8]])))
