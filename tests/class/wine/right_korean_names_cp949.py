# -*- coding: cp949 -*-
# 메모장에서 작성한 과제입니다. (와인 품종 예측하기)
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

특성_수 = 13
품종_수 = 3


def 텐서로(특성, 정답):
    return torch.tensor(특성, dtype=torch.float32), torch.tensor(정답, dtype=torch.int64)


def load_data(random_state=2025):
    와인 = load_wine()
    훈련, 시험, 훈련정답, 시험정답 = train_test_split(
        와인.data, 와인.target, test_size=0.3, random_state=random_state)
    자 = StandardScaler()
    훈련, 훈련정답 = 텐서로(자.fit_transform(훈련), 훈련정답)
    시험, 시험정답 = 텐서로(자.transform(시험), 시험정답)
    return 훈련, 시험, 훈련정답, 시험정답


class 와인모델(nn.Module):
    """가중치와 편향을 직접 만든다"""

    def __init__(self):
        super().__init__()
        self.가중치 = nn.Parameter(torch.randn(특성_수, 품종_수) * 0.1)
        self.편향 = nn.Parameter(torch.zeros(품종_수))

    def forward(self, 입력):
        return torch.matmul(입력, self.가중치) + self.편향


def build_model():
    return 와인모델()


def train(model, X, y, 반복=300, 학습률=0.1):
    최적화 = torch.optim.SGD(model.parameters(), lr=학습률)
    비용함수 = nn.CrossEntropyLoss()
    비용들 = []
    for 회차 in range(반복 + 1):
        비용 = 비용함수(model(X), y)
        최적화.zero_grad()
        비용.backward()
        최적화.step()
        비용들.append(비용.item())
        if 회차 % 100 == 0:
            print(f"{회차}회차 비용 {비용.item():.6f}")
    return 비용들


def predict_test_0(model, X_test):
    예측 = model(X_test)
    return 예측[0].argmax().item()


if __name__ == "__main__":
    torch.manual_seed(2025)
    X_train, X_test, y_train, y_test = load_data()
    모델 = build_model()
    train(모델, X_train, y_train)
    print("첫 번째 와인의 품종은", predict_test_0(모델, X_test))
