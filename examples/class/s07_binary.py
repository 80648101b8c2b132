"""단항 논리 회귀 과제 - s07 (작성 중)"""
import torch
import torch.nn as nn


def weighted_sum(x, w, b):
    return torch.inner(x, w) + b


def sigmoid(z):
    return torch.sigmoid(z)


def build_model():
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())


def bce_loss(y_pred, y_true):
    return nn.BCELoss()(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    # TODO: 학습 루프. 주말에 다시 보기
    raise NotImplementedError


def predict(model, x, threshold=0.5):
    # TODO
    raise NotImplementedError


if __name__ == "__main__":
    print(sigmoid(weighted_sum(torch.tensor([1., 2., 3.]), torch.tensor([.1, .2, .3]), .5)))
