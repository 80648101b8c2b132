# Divides the variance by N - 1, but the mean of the errors by N.
# loses: r_squared
import torch


def fit(x, y):
    return torch.linalg.lstsq(torch.cat([x, torch.ones(len(x), 1)], dim=1), y).solution


def predict(weights, x):
    return torch.cat([x, torch.ones(len(x), 1)], dim=1) @ weights


def r_squared(predicted, target):
    return 1 - ((target - predicted) ** 2).mean() / target.var()
