import matplotlib.pyplot as plt
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

plt.rcParams['axes.unicode_minus'] = False
device = torch.device('cuda' if torch.cuda.is_available() else 'cpu')
scaler = StandardScaler()

def load_data(random_state=2025):
    wine = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(wine.data, wine.target, test_size=0.3, random_state=random_state)
    X_train = torch.tensor(scaler.fit_transform(X_train), dtype=torch.float32, device=device)
    X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32, device=device)
    y_train = torch.tensor(y_train, dtype=torch.int64, device=device)
    y_test = torch.tensor(y_test, dtype=torch.int64, device=device)
    return X_train, X_test, y_train, y_test

def build_model():
    return nn.Linear(13, 3).to(device)

def train(model, X, y, epochs=400, lr=0.1):
    criterion = nn.CrossEntropyLoss()
    optimizer = optim.SGD(model.parameters(), lr=lr)
    losses = []
    for epoch in range(epochs):
        loss = criterion(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if epoch % 100 == 0:
            print(f'epoch {epoch:4d}  loss {loss.item():.6f}')
    return losses

def predict_test_0(model, X_test):
    pred = torch.softmax(model(X_test), dim=1)
    return torch.argmax(pred[0]).item()

# 실행해 보기
torch.manual_seed(2025)
X_train, X_test, y_train, y_test = load_data()
print(X_train.shape, X_test.shape, y_train.shape, y_test.shape)
model = build_model()
losses = train(model, X_train, y_train)

plt.figure(figsize=(6, 4))
plt.plot(losses)
plt.xlabel('epoch')
plt.ylabel('cost')
plt.title('wine')
plt.show()

pred = model(X_test).argmax(dim=1)
print('정확도:', (pred == y_test).float().mean().item())
print('테스트 0번의 품종:', predict_test_0(model, X_test))
