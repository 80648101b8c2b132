# %% [markdown]
# # 제목
# *Title*
#
# 과제에서 무엇을 만드는지 설명합니다.
#
# *Explain what students will build.*

# %%
import torch

# %% [markdown]
# ## 1. 평균 제곱 오차
# *The mean squared error*


# %%
def mean_squared_error(predicted: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """예측과 정답의 차이를 제곱해 평균한 값을 반환합니다.

    Return the mean of the squared differences of predictions and targets.
    """
    # 힌트: 차이를 제곱한 다음 평균을 구하세요.
    # Hint: square the differences, then take their mean.
    ### BEGIN SOLUTION
    differences = predicted - target
    return (differences**2).mean()
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 2.5가 나와야 합니다.
#
# *Try it: it should print 2.5.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(mean_squared_error(torch.tensor([1.0, 2.0]), torch.tensor([2.0, 4.0])).item())
