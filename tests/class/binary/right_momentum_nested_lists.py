import logging

import torch
from torch import nn

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("단항논리회귀")


def weighted_sum(x, w, b):
    return (w @ x + b).item()


def sigmoid(z):
    # 0-dim도, 2차원도 된다
    return torch.special.expit(z)


def build_model():
    model = nn.Sequential()
    model.add_module("linear", nn.Linear(1, 1))
    model.add_module("sigmoid", nn.Sigmoid())
    return model


def bce_loss(y_pred, y_true):
    return nn.functional.binary_cross_entropy(y_pred, y_true, reduction="mean")


def train(model, x, y, epochs=1000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    model.train()
    history = []
    for epoch in range(1, epochs + 1):
        loss = bce_loss(model(x), y)
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()  # 다음 epoch을 위해 끝에서 비운다

        with torch.no_grad():
            after = bce_loss(model(x), y)
        history.append(after.item())
        if epoch % 250 == 0:
            log.info("epoch %d: %.5f", epoch, history[-1])
    return history


def predict(model, x, threshold=0.5):
    rows = model(x).tolist()
    result = []
    for row in rows:
        if row[0] >= threshold:
            result.append([1])
        else:
            result.append([0])
    return result
