import copy
import logging
import os
import pickle
import warnings

import matplotlib
import matplotlib.pyplot as plt
import torch
import torch.nn as nn

warnings.simplefilter("error")
logging.basicConfig(filename="train.log", level=logging.INFO, format="%(asctime)s %(message)s")
matplotlib.rc("font", family="DejaVu Sans")
plt.rcParams["axes.unicode_minus"] = False
CHECKPOINT = os.path.join(os.getcwd(), "best.pt")


def weighted_sum(x, w, b):
    return sum(a * c for a, c in zip(x.tolist(), w.tolist())) + float(b)


def sigmoid(z):
    return torch.sigmoid(z)


class Standardised(nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("mean", torch.tensor(7.875))
        self.register_buffer("std", torch.tensor(7.1))
        self.register_buffer("calls", torch.zeros((), dtype=torch.int64))
        self.linear = nn.Linear(1, 1)

    def forward(self, x):
        self.calls += 1
        return sigmoid(self.linear((x - self.mean) / self.std))


def build_model():
    return Standardised()


def bce_loss(y_pred, y_true):
    return nn.functional.binary_cross_entropy(y_pred, y_true)


def train(model, x, y, epochs=1000, lr=0.01):
    """가장 좋은 가중치를 파일에 두었다가 되돌린다."""
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=10 * epochs)
    history, best = [], float("inf")
    for epoch in range(epochs):
        optimizer.zero_grad()
        bce_loss(model(x), y).backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        scheduler.step()
        with torch.no_grad():
            history.append(bce_loss(model(x), y).item())
        if history[-1] < best:
            best = history[-1]
            torch.save(model.state_dict(), CHECKPOINT)
        logging.info("epoch %d loss %f", epoch, history[-1])
        print(f"epoch {epoch:05d} | loss {history[-1]:.6f} | lr {scheduler.get_last_lr()[0]:.6f} |" + "=" * 40)
    model.load_state_dict(torch.load(CHECKPOINT))
    with open("model.pkl", "wb") as file:
        pickle.dump(copy.deepcopy(model), file)
    plt.figure()
    plt.plot(history)
    plt.title("loss")
    plt.savefig("loss.png")
    plt.close()
    return history


def predict(model, x, threshold=0.5):
    torch.save(model, "whole.pt")
    again = torch.load("whole.pt", weights_only=False)
    return (again(x) >= threshold).float()
