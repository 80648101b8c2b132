# 와인 품종 예측하기 (윈도우에서 작성)
import torch
import torch.nn as nn
import torch.nn.functional as F
import pandas as pd
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split


# %% 데이터 준비
def load_data(random_state=2025):
    bunch = load_wine(as_frame=True)
    df = bunch.frame
    X = df.drop(columns="target")
    y = df["target"]
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=random_state)
    평균, 편차 = X_train.mean(), X_train.std()
    X_train = (X_train - 평균) / 편차
    X_test = (X_test - 평균) / 편차
    return (torch.tensor(X_train.values, dtype=torch.float32),
            torch.tensor(X_test.values, dtype=torch.float32),
            torch.tensor(y_train.values, dtype=torch.int64),
            torch.tensor(y_test.values, dtype=torch.int64))


# %% 모델
class WineClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(13, 10)
        self.fc2 = nn.Linear(10, 10)
        self.fc3 = nn.Linear(10, 3)

    def forward(self, x):
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


def build_model():
    torch.manual_seed(7)  # 항상 같은 초기값
    return WineClassifier()


# %% 학습
def train(model, X, y, epochs=150, lr=0.01):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=50, gamma=0.5)
    losses = []
    epoch = 0
    while epoch < epochs:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        scheduler.step()
        with torch.no_grad():   # 갱신한 다음의 비용을 기록
            losses.append(F.cross_entropy(model(X), y).item())
        epoch += 1
    return losses


# %% 예측
def predict_test_0(model, X_test):
    with torch.no_grad():
        _, 품종 = torch.max(model(X_test), 1)
    return 품종[0].item()


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    print(pd.Series(y_test.numpy()).value_counts())
    model = build_model()
    train(model, X_train, y_train)
    print(predict_test_0(model, X_test))
