# weighted_sum forgets b and predict uses > instead of >=.
# loses: weighted_sum, predict

# 단항 논리 회귀 과제 1
import torch
import torch.nn as nn

hours = torch.tensor([0.0, 1, 3, 5, 8, 11, 15, 20]).reshape(-1, 1)
passed = torch.tensor([0.0, 0, 0, 0, 1, 1, 1, 1]).reshape(-1, 1)


def weighted_sum(x, w, b):
    return x @ w


def sigmoid(z):
    return torch.sigmoid(z)


class Model(nn.Module):
    def __init__(self):
        super(Model, self).__init__()
        self.fc = nn.Linear(1, 1)

    def forward(self, x):
        z = self.fc(x)
        return torch.sigmoid(z)


def build_model():
    model = Model()
    return model


def bce_loss(y_pred, y_true):
    """이진 교차 엔트로피의 평균"""
    return -(y_true * torch.log(y_pred) + (1 - y_true) * torch.log(1 - y_pred)).mean()


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        loss = bce_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
        if epoch % 100 == 0:
            print(f"epoch {epoch}: {loss.item():.6f}")
    return history


def predict(model, x, threshold=0.5):
    answer = []
    for p in model(x).view(-1).tolist():
        answer.append([int(p > threshold)])
    return torch.tensor(answer)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, hours, passed)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
