# train always runs 1000 epochs, whatever epochs says.
# loses: training_loop

# binary.py
import torch
import torch.nn as nn
import torch.nn.functional as F

x_train = torch.FloatTensor([[0], [1], [3], [5], [8], [11], [15], [20]])
y_train = torch.FloatTensor([[0], [0], [0], [0], [1], [1], [1], [1]])


def weighted_sum(x, w, b):
    z = torch.matmul(w, x)
    z = z + b
    return z


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
    return F.binary_cross_entropy(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(1001):
        loss = bce_loss(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history.append(loss.item())
    return history


def predict(model, x, threshold=0.5):
    return (model(x) >= threshold).float()


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, x_train, y_train)
    print(history[0], history[-1])
    print(predict(model, torch.tensor([[10.0]])))
