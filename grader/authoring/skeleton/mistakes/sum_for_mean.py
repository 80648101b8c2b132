# Sums the squares instead of averaging them.
# loses: mean_squared_error


def mean_squared_error(predicted, target):
    return ((predicted - target) ** 2).sum()
