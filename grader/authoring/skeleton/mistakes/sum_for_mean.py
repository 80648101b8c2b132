# The squares are added up, but their mean is not taken.
# loses: mean_squared_error


def mean_squared_error(predicted, target):
    return ((predicted - target) ** 2).sum()
