# 와인 s10
import torch
import torch.nn as nn
import torch.nn.functional as F
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split

def load_data(random_state=2025):
    X,y = load_wine(return_X_y=True)
    X_train,X_test,y_train,y_test = train_test_split(X,y,test_size=0.3,random_state=random_state)
    m = X_train.max(axis=0)   # 최댓값으로 나누기
    return (torch.FloatTensor(X_train/m),torch.FloatTensor(X_test/m),
            torch.LongTensor(y_train),torch.LongTensor(y_test))

def build_model():
    return nn.Linear(13,3)

def train(model,X,y,epochs=500,lr=0.05):
    opt = torch.optim.Adam(model.parameters(),lr=lr)
    history = []
    for e in range(epochs):
        loss = F.cross_entropy(model(X),y)
        opt.zero_grad(); loss.backward(); opt.step()
        history.append(loss.item())
    return history

# 잘 되는지 확인
torch.manual_seed(2025)
X_train,X_test,y_train,y_test = load_data()
model = build_model()
history = train(model,X_train,y_train)
print("마지막 손실:",histroy[-1])

def predict_test_0(model,X_test):
    return model(X_test)[0].argmax().item()

print("0번 품종:",predict_test_0(model,X_test))
