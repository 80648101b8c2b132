# Forgets the column of ones, so that the line goes through zero.
# loses: fit, predict
import torch


def fit(x, y):
    return torch.linalg.lstsq(x, y).solution


def predict(weights, x):
    return x @ weights


def r_squared(predicted, target):
    return 1 - ((target - predicted) ** 2).sum() / ((target - target.mean()) ** 2).sum()
