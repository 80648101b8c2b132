# %% [markdown]
# # 단항 논리 회귀
# *Logistic regression with one variable*
#
# 공부한 시간 `x`로 합격(1)과 불합격(0)을 예측하는 모델을 만듭니다. 가설, 손실 함수, 경사 하강법을
# 차례로 함수로 완성하세요. 함수의 이름과 인자는 바꾸지 마세요.
#
# *We predict pass (1) or fail (0) from the hours of study `x`. Complete the functions for the
# hypothesis, the loss and gradient descent in order. Don't change the names or parameters.*

# %%
import torch
from torch import nn

# %% [markdown]
# ## 데이터
# *The data*
#
# 여덟 명의 공부 시간과 합격 여부입니다. 함수 안에서는 이 변수를 직접 쓰지 말고 인자로 받은 값을
# 쓰세요.
#
# *The hours and results of eight students. Inside your functions, use the arguments instead of
# these variables.*

# %%
x_train = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
y_train = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)

# %% [markdown]
# ## 1. 가중합
# *The weighted sum*
#
# 입력마다 가중치를 곱해 더하고 편향을 더합니다: `w1*x1 + w2*x2 + … + b`
#
# *Multiply each input by its weight, add them up, then add the bias.*


# %%
def weighted_sum(x: torch.Tensor, w: torch.Tensor, b: float) -> torch.Tensor:
    """길이가 같은 1차원 텐서 x와 w의 가중합 w·x + b를 반환합니다.

    Return the weighted sum w·x + b of two 1-D tensors of the same length.
    """
    # 힌트: 같은 자리끼리 곱한 다음 모두 더하세요. 길이는 3이 아닐 수도 있습니다.
    # Hint: multiply elementwise, then add everything up. The length isn't always 3.
    ### BEGIN SOLUTION
    return torch.sum(w * x) + b
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 1.9가 나와야 합니다.
#
# *Try it: it should print 1.9.*

# %% tags=["demo"]
if __name__ == "__main__":
    z = weighted_sum(torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.2, 0.3]), 0.5)
    print(f"{float(z):.4f}")

# %% [markdown]
# ## 2. 시그모이드 함수
# *The sigmoid function*
#
# 가중합을 0과 1 사이의 확률로 바꿉니다: `1 / (1 + e^-z)`
#
# *The sigmoid turns the weighted sum into a probability between 0 and 1.*


# %%
def sigmoid(z: torch.Tensor) -> torch.Tensor:
    """z의 원소마다 시그모이드 1 / (1 + e^-z)를 계산해 같은 모양의 텐서로 반환합니다.

    Return 1 / (1 + e^-z), elementwise, as a tensor of the same shape.
    """
    # 힌트: z가 1000이나 -1000이어도 nan이나 inf가 나오면 안 됩니다.
    # Hint: the result must not be nan or inf, not even for z = 1000 or z = -1000.
    ### BEGIN SOLUTION
    return 1 / (1 + torch.exp(-z))
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 0.8699가 나와야 합니다.
#
# *Try it: it should print 0.8699.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(f"{float(sigmoid(torch.tensor(1.9))):.4f}")

# %% [markdown]
# ## 3. 모델
# *The model*
#
# 가설은 `H(x) = sigmoid(w*x + b)`입니다. 가중치 하나와 편향 하나로 `(N, 1)` 모양의 입력을 받아
# `(N, 1)` 모양의 확률을 출력합니다.
#
# *With one weight and one bias, the hypothesis maps inputs of shape `(N, 1)` to probabilities of
# shape `(N, 1)`.*


# %%
def build_model() -> nn.Module:
    """(N, 1) 입력에 대해 (N, 1) 확률을 출력하는 새 모델을 만들어 반환합니다.

    Return a new model: (N, 1) inputs to (N, 1) probabilities.
    """
    # 힌트: nn.Linear(1, 1)의 출력이 시그모이드 함수를 지나게 하세요.
    # Hint: pass the output of nn.Linear(1, 1) through a sigmoid.
    ### BEGIN SOLUTION
    return nn.Sequential(nn.Linear(1, 1), nn.Sigmoid())
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: `nn.Linear(1, 1)`을 썼다면 가중치는 0.3699, 편향은 0.8711입니다.
#
# *Try it: with `nn.Linear(1, 1)` the weight is 0.3699 and the bias 0.8711.*

# %% tags=["demo"]
if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    for name, parameter in model.named_parameters():
        print(name, parameter.data)

# %% [markdown]
# ## 4. 손실 함수
# *The loss*
#
# 이진 교차 엔트로피의 평균입니다. `p`는 예측한 확률, `y`는 정답입니다.
#
# *The mean binary cross-entropy of the predicted probability `p` and the true `y`:*
#
# `-(y * log(p) + (1 - y) * log(1 - p))`


# %%
def bce_loss(y_pred: torch.Tensor, y_true: torch.Tensor) -> torch.Tensor:
    """예측한 확률 y_pred와 정답 y_true의 이진 교차 엔트로피 평균을 반환합니다.

    Return the mean binary cross-entropy of the probabilities y_pred and the labels y_true.
    """
    # 힌트: nn.BCELoss를 쓰거나 위의 식을 직접 쓰세요. 기울기를 구할 수 있는 텐서를 반환하세요.
    # Hint: use nn.BCELoss or write the formula. Return a tensor that can be differentiated.
    ### BEGIN SOLUTION
    criterion = nn.BCELoss()
    return criterion(y_pred, y_true)
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 위에서 만든 모델의 손실은 0.9551입니다.
#
# *Try it: the loss of the model above is 0.9551.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(f"{bce_loss(model(x_train), y_train).item():.4f}")

# %% [markdown]
# ## 5. 학습
# *Training*
#
# 에포크마다 손실을 구해 기록하고, 경사 하강법으로 모델의 매개변수를 고칩니다.
#
# *In every epoch, compute and record the loss, then update the model by gradient descent.*


# %%
def train(
    model: nn.Module,
    x: torch.Tensor,
    y: torch.Tensor,
    epochs: int = 1000,
    lr: float = 0.01,
) -> list[float]:
    """모델을 그 자리에서 학습하고 에포크마다의 손실을 리스트로 반환합니다.

    Train the model in place and return the list of the loss of every epoch.
    """
    # 힌트: torch.optim.SGD에 학습률 lr을 주고, 반복문은 range(epochs + 1)로 만드세요.
    # 에포크마다 손실 계산, 기록, 기울기 초기화, 역전파, 매개변수 갱신이 필요합니다.
    # Hint: give torch.optim.SGD the learning rate lr and loop over range(epochs + 1).
    # In every epoch: compute the loss, record it, clear the gradients, backpropagate, take a step.
    ### BEGIN SOLUTION
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs + 1):
        loss = bce_loss(model(x), y)
        history.append(loss.item())
        if epoch % 100 == 0:
            print(f"에포크 {epoch:4d}/{epochs}  손실 {loss.item():.6f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history
    ### END SOLUTION


# %% [markdown]
# ## 6. 예측
# *Prediction*
#
# 확률이 임계값 이상이면 1, 아니면 0으로 예측합니다. 임계값과 같을 때도 1입니다.
#
# *Predict 1 where the probability reaches the threshold (equality counts), else 0.*


# %%
def predict(model: nn.Module, x: torch.Tensor, threshold: float = 0.5) -> torch.Tensor:
    """확률이 threshold 이상이면 1, 아니면 0인 (N, 1) 텐서를 반환합니다.

    Return an (N, 1) tensor: 1 where the probability is at least the threshold, else 0.
    """
    # 힌트: 예측할 때는 기울기가 필요 없습니다. 비교 결과를 0과 1로 바꾸세요.
    # Hint: you don't need gradients here. Turn the comparison into 0 and 1.
    ### BEGIN SOLUTION
    with torch.no_grad():
        return (model(x) >= threshold).float()
    ### END SOLUTION


# %% [markdown]
# ## 실행해 보기
# *Demonstration*
#
# 모두 완성했으면 학습하고 그래프를 그려 보세요. 강의에서 나온 값은 다음과 같습니다.
#
# *When everything works, train and plot. The values from the lesson:*
#
# | 에포크 (epoch) | 0 | 100 | 500 | 1000 |
# |---|---|---|---|---|
# | 손실 (loss) | 0.955088 | 0.656269 | 0.439265 | 0.308673 |
#
# 학습 후 가중치 0.2780, 편향 -1.1653이고, 10시간 공부했을 때의 확률은 0.8341, 예측은 1입니다.
#
# *After training, the weight is 0.2780 and the bias -1.1653. For 10 hours, the probability is
# 0.8341 and the prediction is 1.*

# %% tags=["demo"]
if __name__ == "__main__":
    import matplotlib.pyplot as plt

    torch.manual_seed(2025)
    model = build_model()
    history = [float(loss) for loss in train(model, x_train, y_train)]

    for epoch in (0, 100, 500, 1000):
        print(f"{epoch:4d}: {history[epoch]:.6f}")
    for name, parameter in model.named_parameters():
        print(name, parameter.data)
    ten_hours = torch.tensor([[10.0]])
    print(f"10시간의 확률: {model(ten_hours).item():.4f}")
    print(f"10시간의 예측: {float(predict(model, ten_hours)):.0f}")

    hours = torch.linspace(0, 20, 401).reshape(-1, 1)
    probability = model(hours).detach()
    passing = hours[probability >= 0.5]

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(history)
    left.set(xlabel="epoch", ylabel="loss", title="Loss")
    right.plot(hours, probability, label="H(x)")
    right.scatter(x_train, y_train, c=y_train, cmap="coolwarm", edgecolors="black", zorder=3)
    right.axhline(0.5, color="gray", linestyle=":", label="threshold 0.5")
    if len(passing) > 0:
        boundary = passing.min().item()
        right.axvline(boundary, color="green", linestyle="--", label=f"boundary {boundary:.1f}")
    right.set(xlabel="hours", ylabel="probability", title="Decision boundary")
    right.legend()
    plt.show()
