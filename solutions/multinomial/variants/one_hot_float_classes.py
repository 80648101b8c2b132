# One-hot targets, Nesterov momentum, a seed inside build_model, classes returned as floats with
# integer values.

# 원-핫 벡터로 바꾸어 교차 엔트로피를 계산하는 방법
import torch
import torch.nn as nn
import torch.nn.functional as F

NUM_CLASSES = 3
SEED = 2025


def build_model():
    torch.manual_seed(SEED)  # 항상 같은 값에서 시작
    return nn.Linear(4, NUM_CLASSES, bias=True)


def one_hot(target, n):
    return torch.eye(n)[target]


def cross_entropy_loss(logits, target):
    t = one_hot(target, logits.shape[1])
    return -(t * F.log_softmax(logits, dim=1)).sum() / len(t)


def train(model, X, y, epochs=10000, lr=0.01):
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9, nesterov=True)
    t = one_hot(y, NUM_CLASSES)
    loss_fn = nn.CrossEntropyLoss()  # 확률 벡터도 정답으로 받을 수 있다
    history = {}
    for epoch in range(epochs + 1):
        loss = loss_fn(model(X), t)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        history[epoch] = loss.item()
    return list(history.values())


def predict_proba(model, X):
    with torch.no_grad():
        return F.softmax(model(X), dim=1)


def predict(model, X):
    # 클래스 번호를 0.0, 1.0, 2.0 으로 돌려준다
    return predict_proba(model, X).argmax(dim=1).float()


if __name__ == "__main__":
    X = torch.FloatTensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                           [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]])
    y = torch.LongTensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    model = build_model()
    losses = train(model, X, y)
    print(losses[::1000])
    print(predict(model, torch.FloatTensor([[1, 9, 9, 8]])))
