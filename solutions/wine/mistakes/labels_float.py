# The labels are float32; train converts them itself.
# loses: data_split

# %% 준비
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# %% 데이터: 전부 FloatTensor 로
def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.3, random_state=random_state)
    sc = StandardScaler()
    X_train = sc.fit_transform(X_train)
    X_test = sc.transform(X_test)
    return (torch.FloatTensor(X_train), torch.FloatTensor(X_test),
            torch.FloatTensor(y_train), torch.FloatTensor(y_test))

# %% 모델
def build_model():
    return nn.Sequential(nn.Linear(13, 3))

# %% 학습
def train(model, X, y, epochs=1000, lr=0.03):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = F.cross_entropy(model(X), y.long())   # long 이 아니면 오류가 나서 바꿔 줌
        opt.zero_grad()
        loss.backward()
        opt.step()
        history.append(loss.item())
    return history

# %% 예측
def predict_test_0(model, X_test):
    return model(X_test).argmax(dim=1)[0].item()
