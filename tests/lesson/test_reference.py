"""The reference solutions reproduce the lesson, figure by figure.

`losses.json` holds the loss of every 100th epoch. It was made by the plain loops at the end of this
file, which share no code with the solutions: `python tests/lesson/test_reference.py` makes it anew.
"""

import importlib.util
import json
import runpy
from pathlib import Path
from types import ModuleType

import pytest
import torch
import torch.nn.functional as F  # noqa: N812
from torch import nn

SOLUTIONS = Path(__file__).parents[2] / "solutions"
LOSSES = Path(__file__).with_name("losses.json")

HOURS = torch.tensor([[0], [1], [3], [5], [8], [11], [15], [20]], dtype=torch.float32)
PASSED = torch.tensor([[0], [0], [0], [0], [1], [1], [1], [1]], dtype=torch.float32)
FEATURES = torch.tensor(
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
CLASSES = torch.tensor([0, 0, 0, 1, 1, 1, 2, 2, 2, 2])

torch.set_num_threads(1)


def load(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(
        f"reference_{name}", SOLUTIONS / name / "solution.py"
    )
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def binary():
    return load("binary")


@pytest.fixture(scope="module")
def multinomial():
    return load("multinomial")


@pytest.fixture(scope="module")
def wine():
    return load("wine")


@pytest.fixture(scope="module")
def lesson_run(binary, multinomial):
    """The lesson's one seeded run: both trained models, their losses, binary's first parameters."""
    torch.manual_seed(2025)
    binary_model = binary.build_model()
    start = [parameter.item() for parameter in binary_model.parameters()]
    binary_history = binary.train(binary_model, HOURS, PASSED)
    multinomial_model = multinomial.build_model()
    multinomial_history = multinomial.train(multinomial_model, FEATURES, CLASSES)
    return {
        "start": start,
        "binary": (binary_model, binary_history),
        "multinomial": (multinomial_model, multinomial_history),
    }


@pytest.mark.long
@pytest.mark.parametrize("name", ["binary", "multinomial"])
def test_every_100th_loss_is_that_of_the_plain_loop(lesson_run, name):
    _, history = lesson_run[name]
    expected = json.loads(LOSSES.read_text())[name]

    assert len(expected) == {"binary": 11, "multinomial": 101}[name]
    assert history[::100] == pytest.approx(expected, abs=2e-6, rel=0)


def test_binary_data(binary):
    assert torch.equal(binary.x_train, HOURS)
    assert torch.equal(binary.y_train, PASSED)


@pytest.mark.long
@pytest.mark.slow
def test_binary_figures(binary, lesson_run):
    model, history = lesson_run["binary"]
    parameters = [parameter.item() for parameter in model.parameters()]
    ten = torch.tensor([[10.0]])

    assert lesson_run["start"] == pytest.approx([0.3699, 0.8711], abs=5e-5)
    assert len(history) == 1001
    assert [history[epoch] for epoch in (0, 100, 500, 1000)] == pytest.approx(
        [0.955088, 0.656269, 0.439265, 0.308673], abs=2e-6, rel=0
    )
    assert parameters == pytest.approx([0.2780, -1.1653], abs=5e-5)
    assert model(ten).item() == pytest.approx(0.8341, abs=5e-5)
    assert binary.predict(model, ten).tolist() == [[1]]


def test_binary_small_functions(binary):
    x, w = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([0.1, 0.2, 0.3])
    z = binary.weighted_sum(x, w, 0.5)
    extremes = binary.sigmoid(torch.tensor([[-1000.0, 0.0, 1000.0]]))

    assert z.item() == pytest.approx(1.9)
    assert binary.sigmoid(z).item() == pytest.approx(0.8699, abs=5e-5)
    assert extremes.tolist() == [[0.0, 0.5, 1.0]]


def test_binary_predict_counts_equality_as_one(binary):
    class Echo(nn.Module):
        def forward(self, x):
            return x

    probability = torch.tensor([[0.25], [0.5], [0.75]])

    assert binary.predict(Echo(), probability).tolist() == [[0], [1], [1]]
    assert binary.predict(Echo(), probability, threshold=0.75).tolist() == [[0], [0], [1]]


def test_multinomial_data(multinomial):
    assert torch.equal(multinomial.X_train, FEATURES)
    assert torch.equal(multinomial.y_train, CLASSES)


@pytest.mark.long
@pytest.mark.slow
def test_multinomial_figures(multinomial, lesson_run):
    model, history = lesson_run["multinomial"]
    new = torch.tensor([[1.0, 9.0, 9.0, 8.0]])

    assert len(history) == 10001
    assert [history[epoch] for epoch in (0, 100, 1000, 10000)] == pytest.approx(
        [1.967613, 0.872644, 0.584434, 0.345220], abs=2e-6, rel=0
    )
    assert model(new)[0].tolist() == pytest.approx([-13.2952, 3.5899, 6.4243], abs=2e-4)
    assert [round(p, 2) for p in multinomial.predict_proba(model, new)[0].tolist()] == [
        0,
        0.06,
        0.94,
    ]
    assert multinomial.predict(model, new).tolist() == [2]


def test_multinomial_extreme_logits_stay_finite(multinomial):
    logits = torch.tensor([[1000.0, -1000.0, 0.0]])

    assert multinomial.cross_entropy_loss(logits, torch.tensor([1])).item() == 2000
    assert multinomial.predict_proba(nn.Identity(), logits).tolist() == [[1, 0, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("random_state", [2025, 0, 7])
def test_wine_is_far_below_its_thresholds(wine, random_state):
    X_train, X_test, y_train, y_test = wine.load_data(random_state=random_state)
    torch.manual_seed(2025)
    model = wine.build_model()
    history = wine.train(model, X_train, y_train)
    accuracy = (model(X_test).argmax(dim=1) == y_test).float().mean().item()

    assert [tuple(part.shape) for part in (X_train, X_test, y_train, y_test)] == [
        (124, 13),
        (54, 13),
        (124,),
        (54,),
    ]
    assert (X_train.dtype, X_test.dtype) == (torch.float32, torch.float32)
    assert (y_train.dtype, y_test.dtype) == (torch.int64, torch.int64)
    assert len(history) == 501
    assert history[-1] < 0.1
    assert accuracy > 0.93


def test_wine_scales_with_the_training_part_only(wine):
    X_train, X_test, _, _ = wine.load_data()

    assert torch.allclose(X_train.mean(dim=0), torch.zeros(13), atol=1e-5)
    assert torch.allclose(X_train.std(dim=0, correction=0), torch.ones(13), atol=1e-5)
    assert not torch.allclose(X_test.mean(dim=0), torch.zeros(13), atol=1e-2)


@pytest.mark.slow
def test_wine_follows_the_model_it_is_given(wine):
    X_train, X_test, y_train, y_test = wine.load_data()
    answers = []
    for shift in range(3):
        torch.manual_seed(2025)
        model = wine.build_model()
        wine.train(model, X_train, (y_train + shift) % 3)
        answers.append(wine.predict_test_0(model, X_test))

    assert answers == [(y_test[0].item() + shift) % 3 for shift in range(3)]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore:FigureCanvasAgg is non-interactive")
@pytest.mark.parametrize(
    "name, printed",
    [
        ("binary", ["1.9000", "0.8699", "0.9551", "1000: 0.308673", "-1.1653", "0.8341"]),
        (
            "multinomial",
            ["1.9676", "10000: 0.345220", "-13.2952, 3.5899, 6.4243", "0.00, 0.06, 0.94"],
        ),
        ("wine", ["(124, 13) (54, 13) (124,) (54,)", "예측 0, 정답 0"]),
    ],
)
def test_demonstration_prints_the_figures_and_draws(name, printed, capsys, monkeypatch):
    pyplot = pytest.importorskip("matplotlib.pyplot")
    pyplot.switch_backend("Agg")
    runpy.run_path(str(SOLUTIONS / name / "solution.py"), run_name="__main__")
    axes = pyplot.gcf().axes
    pyplot.close("all")
    output = capsys.readouterr().out

    assert [figure for figure in printed if figure not in output] == []
    assert len(axes) == 2


def plain_losses() -> dict[str, list[float]]:
    """The lesson's two runs, written out independently of the solutions."""
    torch.manual_seed(2025)
    losses = {"binary": [], "multinomial": []}

    layer = nn.Linear(1, 1)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.01)
    for step in range(1001):
        cost = F.binary_cross_entropy(torch.sigmoid(layer(HOURS)), PASSED)
        if step % 100 == 0:
            losses["binary"].append(cost.item())
        sgd.zero_grad()
        cost.backward()
        sgd.step()

    layer = nn.Linear(4, 3)
    sgd = torch.optim.SGD(layer.parameters(), lr=0.01)
    for step in range(10001):
        cost = F.cross_entropy(layer(FEATURES), CLASSES)
        if step % 100 == 0:
            losses["multinomial"].append(cost.item())
        sgd.zero_grad()
        cost.backward()
        sgd.step()

    return losses


if __name__ == "__main__":
    LOSSES.write_text(json.dumps(plain_losses(), indent=1) + "\n")
