"""Mutants have one fault each, only inside solution regions, and stable names."""

import ast
import textwrap
from functools import cache

import pytest

from grader.authoring.mutants import make_mutants
from grader.authoring.regions import Region

TRAIN = """
x_train = [1]

def train(model, x, y, epochs=10, lr=0.1):
    ### BEGIN
    optimizer = torch.optim.SGD(model.parameters(), lr=lr)
    history = []
    for epoch in range(epochs):
        loss = F.cross_entropy(model(x), y)
        history.append(loss.item())
        if epoch % 100 == 0:
            print(epoch)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return history
    ### END
    return 3
"""
LOAD = """
def load_data(random_state=2025):
    ### BEGIN
    X_train, X_test, y_train, y_test = train_test_split(X, y, random_state=random_state)
    X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float32)
    return X_train, X_test, y_train, y_test
    ### END
"""
PREDICT = """
def predict_loss(model, x, threshold=0.5):
    ### BEGIN
    p = model(x).softmax(dim=1)
    if p.max() > threshold:
        return -p.mean()
    ### END
"""


@cache
def mutants_of(source):
    lines = source.splitlines()
    (first,) = [n for n, line in enumerate(lines, 1) if line.strip() == "### BEGIN"]
    (last,) = [n for n, line in enumerate(lines, 1) if line.strip() == "### END"]
    return make_mutants(source, [Region(first, last, "f")])


@pytest.mark.parametrize(
    "source, operator, line",
    [
        (TRAIN, "no_zero_grad", "-        optimizer.zero_grad()"),
        (TRAIN, "no_backward", "-        loss.backward()"),
        (TRAIN, "no_step", "-        optimizer.step()"),
        (TRAIN, "zero_grad_before_loop", "+    optimizer.zero_grad()"),
        (TRAIN, "climbs_the_loss", "+        (-loss).backward()"),
        (TRAIN, "return_in_the_loop", "+        return history"),
        (TRAIN, "history_of_every_tenth_epoch", "+        if epoch % 10 == 0:"),
        (TRAIN, "argument_ignored", "+    for epoch in range(10):"),
        (TRAIN, "argument_ignored", "+        loss = F.cross_entropy(model(x_train), y)"),
        (TRAIN, "labels_shuffled", "+        loss = F.cross_entropy(model(x), y.flip(0))"),
        (TRAIN, "sum_for_mean", "+        loss = F.cross_entropy(model(x), y, reduction='sum')"),
        (
            TRAIN,
            "activation_before_the_loss",
            "+        loss = F.cross_entropy(model(x).softmax(-1), y)",
        ),
        (
            TRAIN,
            "optimizer_of_another_model",
            "+    optimizer = torch.optim.SGD(__import__('copy').deepcopy(model).parameters(), lr=lr)",
        ),
        (LOAD, "rows_and_labels_apart", "+    return (X_train, X_test, y_train.flip(0), y_test)"),
        (
            LOAD,
            "test_rows_from_training",
            "+    return (X_train, X_train[:len(X_test)], y_train, y_train[:len(y_test)])",
        ),
        (LOAD, "scaled_wrongly", "+    X_test = torch.tensor(X_test, dtype=torch.float32)"),
        (
            LOAD,
            "keyword_left_out",
            "+    X_train, X_test, y_train, y_test = train_test_split(X, y)",
        ),
        (
            LOAD,
            "wrong_dtype",
            "+    X_test = torch.tensor(scaler.transform(X_test), dtype=torch.float64)",
        ),
        (PREDICT, "wrong_axis", "+    p = model(x).softmax(dim=0)"),
        (PREDICT, "constant_off_by_one", "+    p = model(x).softmax(dim=2)"),
        (PREDICT, "other_comparison", "+    if p.max() >= threshold:"),
        (PREDICT, "condition_turned_round", "+    if not p.max() > threshold:"),
        (PREDICT, "sign_left_out", "+        return p.mean()"),
        (PREDICT, "loss_without_gradient", "+        return (-p.mean()).detach()"),
        (PREDICT, "constant_prediction", "+        return -p.mean() * 0"),
        (PREDICT, "returns_none", "+        return None"),
    ],
)
def test_operator(source, operator, line):
    diffs = [mutant.diff for mutant in mutants_of(source) if mutant.operator == operator]

    assert any(line in diff.splitlines() for diff in diffs), diffs


@pytest.mark.parametrize("source", [TRAIN, LOAD, PREDICT])
def test_every_mutant_parses_and_differs_from_all_others(source):
    mutants = mutants_of(source)
    sources = {ast.dump(ast.parse(mutant.source)) for mutant in mutants}

    assert len(sources) == len(mutants) == len({mutant.key for mutant in mutants})
    assert ast.dump(ast.parse(source)) not in sources


def test_nothing_outside_of_the_region_and_no_progress_message_is_mutated():
    for mutant in mutants_of(TRAIN):
        assert "return 3" in mutant.source
        assert "x_train = [1]" in mutant.source
        assert "if epoch % 100 == 0:" in mutant.source
        assert "print(epoch)" in mutant.source


def test_keys_outlive_a_change_elsewhere():
    moved = "import math\n\n" + TRAIN.replace("return 3", "return 4")

    assert [m.key for m in mutants_of(TRAIN)] == [m.key for m in mutants_of(moved)]


def test_the_only_statement_of_a_block_leaves_a_pass():
    source = textwrap.dedent(
        """
        def f(x):
            ### BEGIN
            return x
            ### END
        """
    )

    assert (
        "    pass"
        in next(m for m in mutants_of(source) if m.operator == "statement_left_out").source
    )
