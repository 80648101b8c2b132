# A plain split with a StandardScaler, nn.Sequential with one hidden layer, Adam, and a guarded
# demo.

# %% [markdown]
# # 과제 3. 와인 품종 예측하기
# 13개의 화학 성분으로 세 가지 품종을 구분한다.

# %%
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler


# %%
def load_data(random_state=2025):
    wine = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(
        wine.data, wine.target, test_size=0.3, random_state=random_state
    )
    scaler = StandardScaler()
    X_train = scaler.fit_transform(X_train)
    X_test = scaler.transform(X_test)  # 학습 데이터의 평균, 표준편차를 그대로 사용

    X_train = torch.tensor(X_train, dtype=torch.float32)
    X_test = torch.tensor(X_test, dtype=torch.float32)
    y_train = torch.tensor(y_train, dtype=torch.int64)
    y_test = torch.tensor(y_test, dtype=torch.int64)
    return X_train, X_test, y_train, y_test


# %%
def build_model():
    return nn.Sequential(
        nn.Linear(13, 16),
        nn.ReLU(),
        nn.Linear(16, 3),
    )


# %%
def train(model, X, y, epochs=300, lr=0.01):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs):
        loss = F.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses


# %%
def predict_test_0(model, X_test):
    with torch.no_grad():
        logits = model(X_test)
    return torch.argmax(logits, dim=1)[0].item()


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    history = train(model, X_train, y_train)
    print("마지막 비용:", history[-1])
    print("테스트 데이터 0번의 품종:", predict_test_0(model, X_test))
    print("정답:", y_test[0].item())
