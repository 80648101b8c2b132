# LBFGS with a closure and strong Wolfe line search; the history holds the loss before each
# step.

# 과제 2. 다항 논리 회귀 - LBFGS 로 풀어 보기
import torch
import torch.nn as nn
import torch.nn.functional as F

X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                  [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]], dtype=torch.float)
y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])


def build_model():
    return nn.Linear(4, 3)


def cross_entropy_loss(logits, target):
    return F.cross_entropy(logits, target)


def train(model, X, y, epochs=10000, lr=0.01):
    # max_iter=1: 에폭 하나에 직선 탐색 한 번. 기울기가 충분히 작아지면 더 움직이지 않는다
    optimizer = torch.optim.LBFGS(model.parameters(), lr=lr, max_iter=1, tolerance_grad=1e-4,
                                  line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = cross_entropy_loss(model(X), y)
        loss.backward()
        return loss

    history = []
    for _ in range(epochs):
        # step() 은 갱신하기 전의 손실을 돌려준다
        history.append(float(optimizer.step(closure)))
    return history


def predict_proba(model, X):
    return F.softmax(model(X), dim=-1)


def predict(model, X):
    return predict_proba(model, X).argmax(dim=-1)


if __name__ == "__main__":
    torch.manual_seed(2025)
    model = build_model()
    history = train(model, X, y)
    print("처음:", history[0], "마지막:", history[-1])
    print(predict_proba(model, torch.tensor([[1., 9., 9., 8.]])).detach().numpy().round(2))
