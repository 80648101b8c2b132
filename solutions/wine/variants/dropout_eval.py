# Dropout in the model, which train leaves in eval mode; predict_test_0 returns the class as a
# float.

# %%
# 과적합이 걱정되어 Dropout 을 넣었다. 학습이 끝나면 eval 모드로 바꾼다.
import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# %%
def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    a, b, c, d = train_test_split(X, y, test_size=0.3, random_state=random_state)
    s = StandardScaler().fit(a)
    a, b = s.transform(a), s.transform(b)
    return torch.tensor(a).float(), torch.tensor(b).float(), torch.tensor(c).long(), torch.tensor(d).long()

# %%
def build_model():
    return nn.Sequential(
        nn.Linear(13, 32), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(32, 3),
    )

# %%
def train(model, X, y, epochs=200, lr=0.01):
    model.train()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    criterion = nn.CrossEntropyLoss()
    history = []
    for epoch in range(epochs):
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    model.eval()
    return history

# %%
def predict_test_0(model, X_test):
    model.eval()
    with torch.no_grad():
        return float(model(X_test).argmax(1)[0])    # 0.0, 1.0, 2.0

# %%
if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    train(model, X_train, y_train)
    print(predict_test_0(model, X_test), y_test[0])
