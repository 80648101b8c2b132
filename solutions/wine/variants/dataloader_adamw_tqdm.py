# Shuffled mini-batches from a DataLoader, AdamW, a tqdm bar; the history holds each epoch's
# mean over the mini-batches.

# %%
import numpy as np
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

# %%
BATCH_SIZE = 32


def to_tensors(X, y):
    return torch.from_numpy(X.astype(np.float32)), torch.from_numpy(y.astype(np.int64))


def load_data(random_state=2025):
    data = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(
        data["data"], data["target"], test_size=0.3, random_state=random_state, shuffle=True)
    ss = StandardScaler()
    X_train, y_train = to_tensors(ss.fit_transform(X_train), y_train)
    X_test, y_test = to_tensors(ss.transform(X_test), y_test)
    return X_train, X_test, y_train, y_test


# %%
class WineNet(nn.Module):
    def __init__(self, hidden=24):
        super().__init__()
        self.fc1 = nn.Linear(13, hidden)
        self.fc2 = nn.Linear(hidden, 3)
        self.act = nn.Tanh()

    def forward(self, x):
        h = self.act(self.fc1(x))
        return self.fc2(h)


def build_model():
    return WineNet()


# %%
def train(model, X, y, epochs=40, lr=5e-3, batch_size=BATCH_SIZE):
    loader = DataLoader(TensorDataset(X, y), batch_size=batch_size, shuffle=True)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr, weight_decay=1e-3)
    criterion = nn.CrossEntropyLoss()
    history = []
    model.train()
    for epoch in tqdm(range(epochs), desc="train"):
        total = 0.0
        for xb, yb in loader:
            optimizer.zero_grad(set_to_none=True)
            loss = criterion(model(xb), yb)
            loss.backward()
            optimizer.step()
            total += loss.item() * len(xb)
        history.append(total / len(X))  # 미니 배치 평균
    model.eval()
    return history


# %%
def predict_test_0(model, X_test):
    model.eval()
    with torch.inference_mode():
        prob = nn.Softmax(dim=1)(model(X_test))
    return prob.max(dim=1).indices[0]   # 0차원 텐서


# %%
if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    hist = train(model, X_train, y_train)
    print(f"{hist[0]:.4f} -> {hist[-1]:.4f}")
    print("index 0:", predict_test_0(model, X_test))
