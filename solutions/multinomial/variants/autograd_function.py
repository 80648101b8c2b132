# An autograd.Function for the loss, Adagrad, a list of one-element tensors, probabilities and
# classes as lists.

import torch
import torch.nn as nn
import torch.nn.functional as F


class CrossEntropy(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target):
        log_p = F.log_softmax(logits, dim=1)
        ctx.save_for_backward(log_p, target)
        return -log_p[torch.arange(len(target)), target].mean()

    @staticmethod
    def backward(ctx, grad_output):
        log_p, target = ctx.saved_tensors
        g = log_p.exp()
        g[torch.arange(len(target)), target] -= 1
        return grad_output * g / len(target), None


cross_entropy_loss = CrossEntropy.apply


class Softmax(nn.Module):
    def __init__(self):
        super().__init__()
        self.rows = nn.ParameterList(nn.Parameter(torch.randn(4) * 0.1) for _ in range(3))
        self.bias = nn.ParameterDict({str(k): nn.Parameter(torch.tensor(0.0)) for k in range(3)})

    def forward(self, X):
        return torch.stack([X @ w + self.bias[str(k)] for k, w in enumerate(self.rows)], dim=1)


build_model = lambda: Softmax()


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.Adagrad(model.parameters(), lr=lr * 10)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1.0)
    history = torch.empty(epochs, dtype=torch.float64)
    for i in range(epochs):
        optimizer.zero_grad()
        loss = cross_entropy_loss(model(X), y)
        loss.backward()
        torch.nn.utils.clip_grad_value_(model.parameters(), 5.0)
        optimizer.step()
        scheduler.step()
        history[i] = loss.detach()
    return list(history.split(1))


def predict_proba(model, X):
    return model(X).softmax(-1).tolist()


def predict(model, X):
    return [max(range(3), key=row.__getitem__) for row in predict_proba(model, X)]
