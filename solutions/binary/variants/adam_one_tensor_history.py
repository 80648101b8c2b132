# Adam on a model that divides its input by a module-level constant; the history is one tensor
# with its graph.

# %%
# 단항 논리 회귀 / Adam / history를 텐서 하나로
import torch
import torch.nn as nn

SCALE = 10.0  # 공부 시간을 10시간 단위로 바꾼다
torch.set_printoptions(precision=4, sci_mode=False)


# %%
def weighted_sum(x, w, b):
    return (x * w).sum() + b


# %%
def sigmoid(z):
    return z.sigmoid()


# %%
class ScaledLogistic(nn.Module):
    """입력을 상수로 나눈 뒤 선형 결합. 학습되는 것은 가중치 하나, 편향 하나뿐."""

    def __init__(self, scale):
        super().__init__()
        self.scale = scale
        self.fc = nn.Linear(in_features=1, out_features=1)
        self.act = nn.Sigmoid()

    def forward(self, x):
        return self.act(self.fc(x / self.scale))


def build_model():
    return ScaledLogistic(SCALE)


# %%
def bce_loss(y_pred, y_true):
    log_p = torch.log(y_pred + 1e-12)
    log_q = torch.log(1 - y_pred + 1e-7)
    return torch.mean(-y_true * log_p - (1 - y_true) * log_q)


# %%
def train(model, x, y, epochs=1000, lr=0.01):
    opt = torch.optim.Adam(model.parameters(), lr=lr)
    loss_fn = nn.BCELoss()
    collected = []
    for _ in range(epochs):
        opt.zero_grad(set_to_none=True)
        loss = loss_fn(model(x), y)
        collected.append(loss)
        loss.backward()
        opt.step()
    return torch.stack(collected)


# %%
def predict(model, x, threshold=0.5):
    with torch.inference_mode():
        return (model(x) >= threshold).long()


# %%
if __name__ == "__main__":
    hours = torch.tensor([0, 1, 3, 5, 8, 11, 15, 20.0]).view(-1, 1)
    passed = torch.tensor([0, 0, 0, 0, 1, 1, 1, 1.0]).view(-1, 1)
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, hours, passed)
    print(history[::100])
    print(predict(model, torch.tensor([[10.0]])))
