# Type hints with the future import, a frozen dataclass of settings as train's default, logging,
# Nesterov momentum.

from __future__ import annotations

import logging
from dataclasses import dataclass, field

import torch
from sklearn.datasets import load_wine
from sklearn.model_selection import train_test_split
from sklearn.preprocessing import StandardScaler
from torch import Tensor, nn

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("wine")


@dataclass(frozen=True)
class Config:
    """실험 설정"""

    epochs: int = 200
    lr: float = 0.05
    momentum: float = 0.9
    hidden: tuple[int, ...] = (16,)


@dataclass
class Recorder:
    values: list[float] = field(default_factory=list)

    def add(self, loss: Tensor) -> None:
        self.values.append(loss.item())


CFG = Config()


def load_data(random_state: int = 2025) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    features, target = load_wine(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(
        features, target, test_size=0.3, random_state=random_state
    )
    scaler = StandardScaler().fit(X_train)
    log.info("train %s, test %s", X_train.shape, X_test.shape)
    return (
        torch.tensor(scaler.transform(X_train), dtype=torch.float32),
        torch.tensor(scaler.transform(X_test), dtype=torch.float32),
        torch.tensor(y_train, dtype=torch.int64),
        torch.tensor(y_test, dtype=torch.int64),
    )


def build_model(cfg: Config | None = None) -> nn.Module:
    cfg = cfg or CFG
    sizes = (13, *cfg.hidden)
    layers: list[nn.Module] = []
    for a, b in zip(sizes[:-1], sizes[1:]):
        layers += [nn.Linear(a, b), nn.GELU()]
    layers.append(nn.Linear(sizes[-1], 3))
    return nn.Sequential(*layers)


def train(model: nn.Module, X: Tensor, y: Tensor, cfg: Config = CFG) -> list[float]:
    optimizer = torch.optim.SGD(model.parameters(), lr=cfg.lr, momentum=cfg.momentum, nesterov=True)
    recorder = Recorder()
    for epoch in range(cfg.epochs):
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(model(X), y)
        loss.backward()
        optimizer.step()
        recorder.add(loss)
        if epoch % 50 == 0:
            log.info("epoch %d loss %.4f", epoch, loss)
    return recorder.values


def predict_test_0(model: nn.Module, X_test: Tensor) -> int:
    with torch.no_grad():
        return int(model(X_test)[0].argmax())


def main() -> None:
    X_train, X_test, y_train, y_test = load_data()
    model = build_model()
    train(model, X_train, y_train)
    log.info("answer %d, truth %d", predict_test_0(model, X_test), y_test[0])


if __name__ == "__main__":
    main()
