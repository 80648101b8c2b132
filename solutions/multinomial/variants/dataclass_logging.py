# Type hints, a frozen dataclass, logging; the history is one tensor of epochs + 1 losses,
# classes are int32.

# %%
from __future__ import annotations

import logging
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

logging.basicConfig(level=logging.INFO, format="%(levelname)s %(message)s")
log = logging.getLogger("multinomial")


# %%
@dataclass(frozen=True)
class Config:
    n_features: int = 4
    n_classes: int = 3
    report_every: int = 2500


@dataclass
class History:
    """에폭마다의 손실을 텐서 하나에 모은다."""

    size: int
    values: Tensor = field(init=False)
    used: int = 0

    def __post_init__(self) -> None:
        self.values = torch.zeros(self.size)

    def add(self, loss: Tensor) -> None:
        self.values[self.used] = loss.detach()
        self.used += 1


config = Config()


# %%
def build_model() -> nn.Module:
    layer = nn.Linear(config.n_features, config.n_classes)
    nn.init.xavier_uniform_(layer.weight)
    nn.init.zeros_(layer.bias)
    return layer


def cross_entropy_loss(logits: Tensor, target: Tensor) -> Tensor:
    return (torch.logsumexp(logits, dim=1) - logits.gather(1, target[:, None])[:, 0]).mean()


# %%
def train(model: nn.Module, X: Tensor, y: Tensor, epochs: int = 10000, lr: float = 0.01) -> Tensor:
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = History(epochs + 1)
    for epoch in range(epochs + 1):
        loss = cross_entropy_loss(model(X), y)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        optimizer.step()
        history.add(loss)
        if epoch % config.report_every == 0:
            log.info("epoch %d loss %.4f", epoch, loss.item())
    return history.values


# %%
@torch.inference_mode()
def predict_proba(model: nn.Module, X: Tensor) -> Tensor:
    return model(X).softmax(dim=1)


@torch.inference_mode()
def predict(model: nn.Module, X: Tensor) -> Tensor:
    return model(X).argmax(dim=1).to(torch.int32)


# %%
if __name__ == "__main__":
    X = torch.tensor([[1, 2, 1, 1], [2, 1, 3, 2], [3, 1, 3, 4], [4, 2, 5, 5], [1, 6, 5, 5],
                      [1, 4, 5, 8], [1, 7, 7, 7], [2, 8, 7, 8], [2, 7, 6, 7], [2, 6, 6, 6]]).float()
    y = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])
    torch.manual_seed(2025)
    model = build_model()
    losses = train(model, X, y)
    log.info("last loss %.4f, class %d", losses[-1], predict(model, torch.tensor([[1.0, 9.0, 9.0, 8.0]])))
