# %% [markdown]
# # 다항 논리 회귀
# *Multinomial logistic regression*
#
# 네 개의 특성으로 세 개의 클래스(0, 1, 2) 가운데 하나를 예측하는 모델을 만듭니다. 함수를 차례로
# 완성하세요. 함수의 이름과 인자는 바꾸지 마세요.
#
# *We predict one of three classes from four features. Complete the functions in order. Don't
# change the names or parameters.*

# %%
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

# %% [markdown]
# ## 데이터
# *The data*
#
# 특성이 네 개인 예제 열 개와 각 예제의 클래스입니다. 함수 안에서는 이 변수를 직접 쓰지 말고
# 인자로 받은 값을 쓰세요.
#
# *Ten examples with four features each, and their classes. Inside your functions, use the
# arguments instead of these variables.*

# %%
X_train = torch.tensor(
    [
        [1, 2, 1, 1],
        [2, 1, 3, 2],
        [3, 1, 3, 4],
        [4, 2, 5, 5],
        [1, 6, 5, 5],
        [1, 4, 5, 8],
        [1, 7, 7, 7],
        [2, 8, 7, 8],
        [2, 7, 6, 7],
        [2, 6, 6, 6],
    ],
    dtype=torch.float32,
)
y_train = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])

# %% [markdown]
# 소프트맥스 함수는 점수 세 개를 합이 1인 확률 세 개로 바꿉니다. 실행해서 살펴보세요.
#
# *Softmax turns three scores into three probabilities that add up to 1. Run it and see.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(F.softmax(torch.tensor([1.0, 2.0, 3.0]), dim=0))

# %% [markdown]
# ## 1. 모델
# *The model*
#
# 가설은 클래스마다 점수(로짓) 하나를 냅니다. `(N, 4)` 모양의 입력을 받아 `(N, 3)` 모양의 로짓을
# 출력합니다. 소프트맥스는 모델 안에 넣지 마세요.
#
# *The hypothesis gives one score (logit) per class: `(N, 4)` to `(N, 3)`. Leave softmax out of
# the model.*


# %%
def build_model() -> nn.Module:
    """(N, 4) 입력에 대해 (N, 3) 로짓을 출력하는 새 모델을 만들어 반환합니다.

    Return a new model: (N, 4) inputs to (N, 3) logits.
    """
    # 힌트: nn.Linear의 입력 크기와 출력 크기를 생각해 보세요.
    # Hint: think of the input size and the output size of nn.Linear.
    ### BEGIN SOLUTION
    return nn.Linear(4, 3)
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 모양은 `(10, 3)`입니다. 강의에서는 같은 시드로 단항 모델 `nn.Linear(1, 1)`을 먼저
# 만들었으므로, 값까지 같게 하려면 여기에서도 먼저 만듭니다.
#
# *Try it: the shape is `(10, 3)`. With the same seed, the lesson first builds the model with one
# variable, so we do the same here to get the same values.*

# %% tags=["demo"]
if __name__ == "__main__":
    torch.manual_seed(2025)
    nn.Linear(1, 1)
    model = build_model()
    print(tuple(model(X_train).shape))

# %% [markdown]
# ## 2. 손실 함수
# *The loss*
#
# 로짓과 정답 클래스 번호의 교차 엔트로피 평균입니다.
#
# *The mean cross-entropy of logits against class indices.*


# %%
def cross_entropy_loss(logits: torch.Tensor, target: torch.Tensor) -> torch.Tensor:
    """로짓과 정답 클래스 번호의 교차 엔트로피 평균을 반환합니다.

    Return the mean cross-entropy of the logits against the class indices.
    """
    # 힌트: F.cross_entropy는 소프트맥스를 이미 포함합니다. 기울기를 구할 수 있는 텐서를 반환하세요.
    # Hint: F.cross_entropy contains the softmax. Return a tensor that can be differentiated.
    ### BEGIN SOLUTION
    return F.cross_entropy(logits, target)
    ### END SOLUTION


# %% [markdown]
# 확인해 보세요: 위에서 만든 모델의 손실은 1.9676입니다.
#
# *Try it: the loss of the model above is 1.9676.*

# %% tags=["demo"]
if __name__ == "__main__":
    print(f"{cross_entropy_loss(model(X_train), y_train).item():.4f}")

# %% [markdown]
# ## 3. 학습
# *Training*
#
# 에포크마다 손실을 구해 기록하고, 경사 하강법으로 모델의 매개변수를 고칩니다.
#
# *In every epoch, compute and record the loss, then update the model by gradient descent.*


# %%
def train(
    model: nn.Module,
    X: torch.Tensor,
    y: torch.Tensor,
    epochs: int = 10000,
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
        loss = cross_entropy_loss(model(X), y)
        history.append(loss.item())
        if epoch % 1000 == 0:
            print(f"에포크 {epoch:5d}/{epochs}  손실 {loss.item():.6f}")
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history
    ### END SOLUTION


# %% [markdown]
# ## 4. 확률
# *Probabilities*
#
# 로짓을 소프트맥스 함수로 확률로 바꿉니다. 각 행의 합은 1입니다.
#
# *Turn the logits into probabilities with softmax. Every row adds up to 1.*


# %%
def predict_proba(model: nn.Module, X: torch.Tensor) -> torch.Tensor:
    """클래스마다의 확률을 (N, 3) 텐서로 반환합니다.

    Return the probability of every class as an (N, 3) tensor.
    """
    # 힌트: 소프트맥스를 어느 차원(dim)으로 계산해야 행의 합이 1이 될까요?
    # Hint: along which dimension must softmax run so that every row adds up to 1?
    ### BEGIN SOLUTION
    with torch.no_grad():
        return F.softmax(model(X), dim=1)
    ### END SOLUTION


# %% [markdown]
# ## 5. 예측
# *Prediction*
#
# 확률이 가장 큰 클래스의 번호를 예측합니다.
#
# *Predict the index of the most probable class.*


# %%
def predict(model: nn.Module, X: torch.Tensor) -> torch.Tensor:
    """확률이 가장 큰 클래스의 번호를 (N,) 정수 텐서로 반환합니다.

    Return the index of the most probable class as an (N,) integer tensor.
    """
    # 힌트: 행마다 가장 큰 값의 위치를 찾으세요.
    # Hint: find the position of the largest value of every row.
    ### BEGIN SOLUTION
    return predict_proba(model, X).argmax(dim=1)
    ### END SOLUTION


# %% [markdown]
# ## 실행해 보기
# *Demonstration*
#
# 모두 완성했으면 학습하고 그래프를 그려 보세요. 강의에서 나온 값은 다음과 같습니다.
#
# *When everything works, train and plot. The values from the lesson:*
#
# | 에포크 (epoch) | 0 | 100 | 1000 | 10000 |
# |---|---|---|---|---|
# | 손실 (loss) | 1.967613 | 0.872644 | 0.584434 | 0.345220 |
#
# 학습 후 `[1, 9, 9, 8]`의 로짓은 -13.2952, 3.5899, 6.4243이고 확률은 0.00, 0.06, 0.94, 예측은
# 2입니다.
#
# *After training, the logits of `[1, 9, 9, 8]` are -13.2952, 3.5899, 6.4243, the probabilities
# are 0.00, 0.06, 0.94, and the prediction is 2.*

# %% tags=["demo"]
if __name__ == "__main__":
    import matplotlib.pyplot as plt
    from sklearn.decomposition import PCA

    torch.manual_seed(2025)
    nn.Linear(1, 1)
    model = build_model()
    history = [float(loss) for loss in train(model, X_train, y_train)]

    for epoch in (0, 100, 1000, 10000):
        print(f"{epoch:5d}: {history[epoch]:.6f}")
    new = torch.tensor([[1.0, 9.0, 9.0, 8.0]])
    print("로짓:", ", ".join(f"{value:.4f}" for value in model(new)[0].tolist()))
    print("확률:", ", ".join(f"{float(value):.2f}" for value in predict_proba(model, new)[0]))
    print("예측:", int(predict(model, new)[0]))

    # 네 개의 특성을 주성분 두 개로 줄여서 그립니다. / Four features drawn as two components.
    pca = PCA(n_components=2).fit(X_train.numpy())
    points = torch.tensor(pca.transform(X_train.numpy()))
    star = pca.transform(new.numpy())[0]
    columns, rows = torch.linspace(-8, 8, 161), torch.linspace(-4, 4, 81)
    across, up = torch.meshgrid(columns, rows, indexing="xy")
    plane = pca.inverse_transform(torch.stack([across.ravel(), up.ravel()], dim=1).numpy())
    regions = torch.as_tensor(predict(model, torch.tensor(plane, dtype=torch.float32)))

    figure, (left, right) = plt.subplots(1, 2, figsize=(11, 4))
    left.plot(history)
    left.set(xlabel="epoch", ylabel="loss", title="Loss")
    right.contourf(
        across, up, regions.reshape(across.shape), [-0.5, 0.5, 1.5, 2.5], cmap="viridis", alpha=0.3
    )
    right.scatter(points[:, 0], points[:, 1], c=y_train, cmap="viridis", edgecolors="black")
    right.scatter(star[0], star[1], marker="*", s=150, color="red", label="[1, 9, 9, 8]")
    right.set(xlabel="component 1", ylabel="component 2", title="Decision boundary")
    right.legend()
    plt.show()
