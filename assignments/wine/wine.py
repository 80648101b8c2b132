# %% [markdown]
# # 와인 품종 예측하기
# *Predicting the cultivar of a wine*
#
# 와인 178개의 측정값 13개로 품종 세 가지(0, 1, 2)를 예측합니다. 데이터를 7:3으로 나누어 모델을
# 학습하고, 테스트 데이터의 0번 와인이 어느 품종인지 예측하세요. 함수의 이름과 인자는 바꾸지
# 마세요.
#
# *We predict one of three cultivars (0, 1, 2) from 13 measurements of 178 wines. Split the data
# 7:3, train a model, and predict the cultivar of the wine at index 0 of the test part. Don't
# change the names or parameters of the functions.*

# %%
import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import nn

# %% [markdown]
# ## 데이터 살펴보기
# *Look at the data*
#
# 첫 줄은 데이터의 모양과 특성, 둘째 줄은 숫자 열 개를 7:3으로 나눈 예, 셋째 줄은 평균이 0,
# 표준편차가 1이 되도록 바꾼 예입니다.
#
# *The first line shows the shape of the data and its features, the second ten numbers split 7:3,
# the third three numbers scaled to mean 0 and standard deviation 1.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(load_wine().data.shape, load_wine().feature_names)
    print(train_test_split(list(range(10)), test_size=0.3, random_state=2025))
    print(StandardScaler().fit_transform([[1.0], [2.0], [6.0]]).ravel())

# %% [markdown]
# ## 1. 데이터 나누기
# *Splitting the data*
#
# `train_test_split`으로 7:3으로 나눕니다. 학습 데이터는 124개, 테스트 데이터는 54개입니다. 특성은
# `float32`, 품종은 `int64` 텐서로 반환합니다. 특성의 크기가 서로 많이 다르므로 표준화하는 것이
# 좋습니다. 평균과 표준편차는 학습 데이터에서만 구하세요.
#
# *Split 7:3 with `train_test_split`: 124 wines for training and 54 for testing. Return the
# features as `float32` and the cultivars as `int64` tensors. The features differ a lot in size,
# so standardise them, using the mean and standard deviation of the training part only.*


# %%
def load_data(
    random_state: int = 2025,
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor, torch.Tensor]:
    """와인 데이터를 7:3으로 나누어 X_train, X_test, y_train, y_test를 반환합니다.

    Return X_train, X_test, y_train, y_test: the wines split 7:3.
    """
    # 힌트: test_size=0.3과 인자로 받은 random_state를 쓰세요. StandardScaler는 학습 데이터에만
    # fit하고, 학습 데이터와 테스트 데이터를 모두 같은 scaler로 transform하세요.
    # Hint: use test_size=0.3 and the given random_state. Fit StandardScaler on the training part
    # only, then transform both parts with it.
    # TODO: 여기에 코드를 쓰고 아래 줄을 지우세요. / Write your code here and delete the next line.
    raise NotImplementedError("load_data: 아직 구현하지 않았습니다. / not implemented yet")


# %% [markdown]
# 확인해 보세요: `(124, 13) (54, 13) (124,) (54,)`가 나와야 합니다.
#
# *Try it: it should print `(124, 13) (54, 13) (124,) (54,)`.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(*(tuple(part.shape) for part in load_data()))

# %% [markdown]
# ## 2. 모델
# *The model*
#
# 가설은 품종마다 점수(로짓) 하나를 냅니다. `(N, 13)` 모양의 입력을 받아 `(N, 3)` 모양의 로짓을
# 출력합니다. 소프트맥스는 모델 안에 넣지 마세요.
#
# *The hypothesis gives one score (logit) per cultivar: `(N, 13)` to `(N, 3)`. Leave softmax out
# of the model.*


# %%
def build_model() -> nn.Module:
    """(N, 13) 입력에 대해 (N, 3) 로짓을 출력하는 새 모델을 만들어 반환합니다.

    Return a new model: (N, 13) inputs to (N, 3) logits.
    """
    # 힌트: nn.Linear 하나로도 충분합니다.
    # Hint: a single nn.Linear is enough.
    # TODO: 여기에 코드를 쓰고 아래 줄을 지우세요. / Write your code here and delete the next line.
    raise NotImplementedError("build_model: 아직 구현하지 않았습니다. / not implemented yet")


# %% [markdown]
# ## 3. 학습
# *Training*
#
# 손실 함수는 교차 엔트로피입니다. `epochs`와 `lr`의 기본값은 바꾸어도 좋고, 기본값이 있는 인자를
# 더해도 됩니다. 기본값으로 학습했을 때 마지막 손실이 0.3 이하여야 합니다.
#
# *The loss is the cross-entropy. You may change the defaults of `epochs` and `lr`, or add
# parameters that have defaults. With the defaults, the last loss must be at most 0.3.*


# %%
def train(
    model: nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    epochs: int = 500,
    lr: float = 0.1,
) -> list[float]:
    """모델을 그 자리에서 학습하고 에포크마다의 손실을 리스트로 반환합니다.

    Train the model in place and return the list of the loss of every epoch.
    """
    # 힌트: 다항 논리 회귀의 학습과 같습니다. 인자로 받은 X와 y로 학습하세요.
    # Hint: as in multinomial logistic regression. Train on the given X and y.
    # TODO: 여기에 코드를 쓰고 아래 줄을 지우세요. / Write your code here and delete the next line.
    raise NotImplementedError("train: 아직 구현하지 않았습니다. / not implemented yet")


# %% [markdown]
# ## 4. 테스트 데이터의 0번 예측
# *The wine at index 0 of the test part*
#
# 학습한 모델로 테스트 데이터의 0번 와인의 품종을 예측합니다. `X_test`는 `load_data`가 반환한
# 그대로이므로 다시 표준화하지 마세요.
#
# *Predict the cultivar of the wine at index 0 with the trained model. `X_test` is exactly what
# `load_data` returned, so don't scale it again.*


# %%
def predict_test_0(model: nn.Module, X_test: torch.Tensor) -> int:
    """테스트 데이터의 0번 와인의 품종(0, 1, 2)을 예측해 반환합니다.

    Return the predicted cultivar (0, 1 or 2) of the wine at index 0 of the test part.
    """
    # 힌트: 0번 행의 로짓 가운데 가장 큰 값의 위치가 예측한 품종입니다.
    # Hint: the position of the largest logit of row 0 is the predicted cultivar.
    # TODO: 여기에 코드를 쓰고 아래 줄을 지우세요. / Write your code here and delete the next line.
    raise NotImplementedError("predict_test_0: 아직 구현하지 않았습니다. / not implemented yet")


# %% [markdown]
# ## 실행해 보기
# *Demonstration*
#
# 모두 완성했으면 학습하고 그래프를 그려 보세요. 테스트 데이터의 정확도는 0.85 이상이어야 합니다.
#
# *When everything works, train and plot. The accuracy on the test part must be at least 0.85.*

# %% tags=["demo"]
if __name__ == "__main__":
    import matplotlib.pyplot as plt
    from sklearn.decomposition import PCA

    X_train, X_test, y_train, y_test = load_data()
    torch.manual_seed(2025)
    model = build_model()
    history = [float(loss) for loss in train(model, X_train, y_train)]

    predicted = model(X_test).detach().argmax(dim=1)
    accuracy = (predicted == y_test).float().mean().item()
    print(f"손실: {history[0]:.4f} -> {history[-1]:.4f}")
    print(f"테스트 데이터의 정확도: {accuracy:.4f}")
    print(f"테스트 데이터의 0번: 예측 {int(predict_test_0(model, X_test))}, 정답 {int(y_test[0])}")

    # 특성 열세 개를 주성분 두 개로 줄여서 그립니다. / 13 features drawn as two components.
    points = torch.tensor(PCA(n_components=2).fit(X_train.numpy()).transform(X_test.numpy()))
    wrong = points[predicted != y_test]

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(history)
    left.set(xlabel="epoch", ylabel="loss", title="Loss")
    for cultivar in range(3):
        chosen = points[predicted == cultivar]
        right.scatter(chosen[:, 0], chosen[:, 1], label=f"predicted {cultivar}")
    right.scatter(wrong[:, 0], wrong[:, 1], marker="x", s=120, color="red", label="wrong")
    right.scatter(points[0, 0], points[0, 1], marker="*", s=150, color="black", label="index 0")
    right.set(xlabel="component 1", ylabel="component 2", title="Test part, predicted cultivars")
    right.legend()
    plt.show()
