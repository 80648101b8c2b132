# Uses library functions and returns NumPy arrays.
import numpy as np
from sklearn.linear_model import LinearRegression
from sklearn.metrics import r2_score


def fit(x, y):
    line = LinearRegression().fit(x.double().numpy(), y.double().numpy())
    return np.append(line.coef_.ravel(), line.intercept_).reshape(-1, 1)


def predict(weights, x):
    weights = np.asarray(weights)
    return x.numpy() @ weights[:-1] + weights[-1]


def r_squared(predicted, target):
    return r2_score(target.numpy(), predicted.numpy())
