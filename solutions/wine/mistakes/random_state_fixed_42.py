# random_state is ignored: the split is always that of 42.
# loses: data_split

# %%
import torch
import torch.nn as nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler

# %%
def load_data(random_state=2025):
    wine = load_wine()
    X_train, X_test, y_train, y_test = train_test_split(
        wine.data, wine.target, test_size=0.3, random_state=42)
    ss = StandardScaler()
    X_train = torch.tensor(ss.fit_transform(X_train), dtype=torch.float32)
    X_test = torch.tensor(ss.transform(X_test), dtype=torch.float32)
    return X_train, X_test, torch.tensor(y_train, dtype=torch.int64), torch.tensor(y_test, dtype=torch.int64)

# %%
def build_model():
    return nn.Linear(13, 3)

# %%
def train(model, X, y, epochs=1000, lr=0.03):
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    losses = []
    for i in range(epochs):
        loss = nn.functional.cross_entropy(model(X), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    return losses

# %%
def predict_test_0(model, X_test):
    return model(X_test)[0].argmax().item()

# %%
if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    train(model, X_train, y_train)
    print(predict_test_0(model, X_test))
