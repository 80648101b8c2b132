# The stratified split with a MinMaxScaler and RMSprop; predict_test_0 returns a one-element
# tensor.

# %%
# 품종 비율이 유지되도록 stratify 옵션을 썼습니다.
import torch
import torch.nn as nn
import torch.optim as optim
from sklearn import datasets
from sklearn.preprocessing import MinMaxScaler
from sklearn.model_selection import train_test_split

# %%
def load_data(random_state=2025):
    wine = datasets.load_wine()
    X_train, X_test, y_train, y_test = train_test_split(
        wine.data, wine.target,
        test_size=0.3,
        stratify=wine.target,
        random_state=random_state,
    )
    mm = MinMaxScaler()
    mm.fit(X_train)
    X_train, X_test = mm.transform(X_train), mm.transform(X_test)
    return (
        torch.tensor(X_train, dtype=torch.float),
        torch.tensor(X_test, dtype=torch.float),
        torch.tensor(y_train, dtype=torch.long),
        torch.tensor(y_test, dtype=torch.long),
    )

# %%
def build_model():
    model = nn.Sequential()
    model.add_module("hidden", nn.Linear(13, 32))
    model.add_module("relu", nn.LeakyReLU())
    model.add_module("out", nn.Linear(32, 3))
    return model

# %%
def train(model, X, y, epochs=250, lr=0.02, print_every=0):
    optimizer = optim.RMSprop(model.parameters(), lr=lr / 10)
    loss_fn = nn.CrossEntropyLoss()
    log = []
    for e in range(1, epochs + 1):
        optimizer.zero_grad()
        out = model(X)
        loss = loss_fn(out, y)
        loss.backward()
        optimizer.step()
        log += [loss.item()]
        if print_every and e % print_every == 0:
            print(e, loss.item())
    return log

# %%
def predict_test_0(model, X_test):
    with torch.no_grad():
        return model(X_test[0].unsqueeze(0)).argmax(dim=-1)     # 원소 하나짜리 텐서

# %%
if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    m = build_model()
    train(m, X_train, y_train, print_every=50)
    print(predict_test_0(m, X_test), y_test[0])
