# -*- coding: cp949 -*-
# 다항 논리 회귀: 변수 이름도 한글로 써 보았습니다.
import torch
import torch.nn as nn
import torch.nn.functional as F

특성 = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                        [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
정답 = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


class 다항회귀(nn.Module):
    """입력 4개 → 로짓 3개"""

    def __init__(self):
        super(다항회귀, self).__init__()
        self.선형 = nn.Linear(in_features=4, out_features=3)

    def forward(self, 입력):
        로짓 = self.선형(입력)
        return 로짓


def build_model():
    return 다항회귀()


def cross_entropy_loss(logits, target):
    return F.nll_loss(F.log_softmax(logits, dim=1), target)


def train(model, X, y, epochs=10000, lr=0.01):
    손실기록 = []
    최적화 = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.5)
    for 에폭 in range(epochs):
        손실 = cross_entropy_loss(model(X), y)
        손실.backward()
        최적화.step()
        최적화.zero_grad()      # 다음 에폭을 위해 끝에서 비운다
        손실기록 += [손실.item()]
    return 손실기록


def predict_proba(model, X):
    확률 = F.softmax(model(X), dim=1)
    return 확률.detach()


def predict(model, X):
    return predict_proba(model, X).argmax(1)


if __name__ == "__main__":
    torch.manual_seed(2025)
    모델 = build_model()
    기록 = train(모델, 특성, 정답)
    print("마지막 손실:", 기록[-1])
    print("예측:", predict(모델, torch.FloatTensor([[1, 9, 9, 8]])))
