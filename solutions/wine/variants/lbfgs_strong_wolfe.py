# LBFGS with a closure and strong Wolfe line search; the history holds the loss before each
# step.

"""와인 품종 예측 - 2차 최적화(LBFGS)로 풀어 보기"""
import torch
from torch import nn
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import RobustScaler

IN_FEATURES = 13
CLASSES = 3


def load_data(random_state=2025):
    X, y = load_wine(return_X_y=True)
    X_tr, X_te, y_tr, y_te = train_test_split(X, y, test_size=0.3, random_state=random_state)
    sc = RobustScaler().fit(X_tr)
    return (torch.FloatTensor(sc.transform(X_tr)), torch.FloatTensor(sc.transform(X_te)),
            torch.LongTensor(y_tr), torch.LongTensor(y_te))


class SoftmaxRegression(nn.Module):
    def __init__(self):
        super().__init__()
        self.linear = nn.Linear(IN_FEATURES, CLASSES)

    def forward(self, x):
        return self.linear(x)


def build_model():
    return SoftmaxRegression()


def train(model, X, y, epochs=6, lr=1.0):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.LBFGS(model.parameters(), lr=lr, max_iter=3,
                                  line_search_fn="strong_wolfe")

    def closure():
        optimizer.zero_grad()
        loss = criterion(model(X), y)
        loss.backward()
        return loss

    history = []
    for _ in range(epochs):
        loss = optimizer.step(closure)      # step 은 갱신 전의 loss 를 돌려준다
        history.append(float(loss))
    return history


@torch.no_grad()
def predict_test_0(model, X_test):
    return int(model(X_test[0:1]).argmax())


if __name__ == "__main__":
    X_train, X_test, y_train, y_test = load_data()
    net = build_model()
    print(train(net, X_train, y_train))
    print(predict_test_0(net, X_test), y_test[0])
