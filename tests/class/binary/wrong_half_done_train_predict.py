# %% [markdown]
# # 과제 1: 단항 논리 회귀
# 학습부터는 시간이 없어서 못 했습니다

# %%
import torch
from torch import nn

# %%
x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


# %%
def weighted_sum(x, w, b):
    """가중합 w·x + b"""
    return (w * x).sum() + b


# %%
def sigmoid(z):
    return torch.sigmoid(z)


# %%
class BinaryClassifier(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(1, 1)
        self.sigmoid = nn.Sigmoid()

    def forward(self, x):
        return self.sigmoid(self.linear(x))


def build_model():
    return BinaryClassifier()


# %%
def bce_loss(y_pred, y_true):
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    """model을 학습시키고 손실의 목록을 돌려준다."""
    # TODO: 여기를 채우세요
    raise NotImplementedError


# %%
def predict(model, x, threshold=0.5):
    """(N, 1) 모양의 0 또는 1"""
    # TODO: 여기를 채우세요
    raise NotImplementedError


# %%
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
