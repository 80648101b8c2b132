# zero_grad at the end of the loop, the history is a NumPy array, predict_test_0 returns a NumPy
# integer.

# %% 라이브러리
import numpy as np
import torch
from torch import nn, optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import MaxAbsScaler
import warnings
warnings.filterwarnings("ignore")

# %% 1. 데이터
def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=.3, random_state=random_state)
    scaler = MaxAbsScaler().fit(X_train)
    f = lambda a: torch.Tensor(scaler.transform(a))
    return f(X_train), f(X_test), torch.tensor(y_train), torch.tensor(y_test)

# %% 2. 모델
class Net(nn.Module):
    def __init__(self):
        super(Net, self).__init__()
        self.layers = nn.ModuleList([nn.Linear(13, 20), nn.Linear(20, 3)])

    def forward(self, x):
        x = torch.sigmoid(self.layers[0](x))
        return self.layers[1](x)

def build_model():
    net = Net()
    return net

# %% 3. 학습
def train(model, X, y, epochs=300, lr=0.05):
    history = np.zeros(epochs)
    optimizer = optim.Adam(model.parameters(), lr=lr)
    criterion = nn.CrossEntropyLoss(reduction="sum")
    for i in range(epochs):
        loss = criterion(model(X), y) / y.size(0)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()   # 다음 반복을 위해 비워 둔다
        history[i] = loss.item()
    return history

# %% 4. 예측
def predict_test_0(model, X_test):
    with torch.no_grad():
        out = model(X_test).numpy()
    answer = np.argmax(out, axis=1)
    return answer[0]            # np.int64

# %% 5. 실행
if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    h = train(model, X_train, y_train)
    print(h[::50], predict_test_0(model, X_test))
