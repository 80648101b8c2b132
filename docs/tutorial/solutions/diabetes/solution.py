# %% [markdown]
# # 선형 회귀
# *Linear regression*
#
# 환자 442명의 측정값 10개로 1년 뒤 당뇨병의 진행 정도를 예측합니다. 함수의 이름과 인자는 바꾸지 마세요.
#
# *We predict how far diabetes has progressed after a year from 10 measurements of 442 patients.
# Don't change the names or parameters of the functions.*

# %%
import torch
from sklearn.datasets import load_diabetes

# %%
data = load_diabetes()
x_train = torch.tensor(data.data, dtype=torch.float32)
y_train = torch.tensor(data.target, dtype=torch.float32).reshape(-1, 1)

# %% [markdown]
# ## 1. 가중치 구하기
# *The weights*
#
# 오차의 제곱의 합이 가장 작은 가중치와 편향을 구합니다. 편향은 맨 마지막 행에 둡니다.
#
# *Find the weights and the bias with the smallest sum of squared errors. The bias is the last row.*


# %%
def fit(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    """(N, K) 입력과 (N, 1) 정답에서 (K + 1, 1) 가중치를 구해 반환합니다.

    Return the (K + 1, 1) weights for (N, K) inputs and (N, 1) targets, the bias last.
    """
    # 힌트: x의 오른쪽에 1로 된 열을 붙이고 torch.linalg.lstsq를 쓰세요.
    # Hint: append a column of ones to x and use torch.linalg.lstsq.
    ### BEGIN SOLUTION
    with_ones = torch.cat([x, torch.ones(len(x), 1)], dim=1)
    return torch.linalg.lstsq(with_ones, y).solution
    ### END SOLUTION


# %% [markdown]
# ## 2. 예측
# *Prediction*


# %%
def predict(weights: torch.Tensor, x: torch.Tensor) -> torch.Tensor:
    """(K + 1, 1) 가중치와 (N, K) 입력으로 (N, 1) 예측을 반환합니다.

    Return the (N, 1) predictions of (K + 1, 1) weights for (N, K) inputs.
    """
    # 힌트: 마지막 행은 편향입니다.
    # Hint: the last row is the bias.
    ### BEGIN SOLUTION
    return x @ weights[:-1] + weights[-1]
    ### END SOLUTION


# %% [markdown]
# ## 3. 결정계수
# *The coefficient of determination*
#
# `1 - (오차의 제곱의 합) / (평균과의 차이의 제곱의 합)`
#
# *One minus the sum of squared errors over the sum of squared differences from the mean.*


# %%
def r_squared(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """예측의 결정계수를 반환합니다.

    Return the coefficient of determination of the predictions.
    """
    # 힌트: 완벽한 예측은 1, 늘 평균을 예측하면 0입니다.
    # Hint: perfect predictions give 1, always predicting the mean gives 0.
    ### BEGIN SOLUTION
    errors = (target - predicted).square().sum()
    spread = (target - target.mean()).square().sum()
    return 1 - errors / spread
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 0.5177이 나와야 합니다.
#
# *Try it: it should print 0.5177.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(f"{r_squared(predict(fit(x_train, y_train), x_train), y_train):.4f}")
