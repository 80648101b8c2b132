"""Which answers checks accept and refuse, for values returned by real submissions."""

import math
import re

import pytest
import torch

from grader.checks.expect import (
    CheckFailedError,
    assert_close,
    assert_unchanged,
    check_gradient,
    circumstance,
    class_index,
    classes,
    close,
    fail,
    history,
    matrix,
    model,
    number,
    require,
    tensor,
)
from grader.model.assignment import Limits
from grader.model.submission import parse_submission
from grader.model.text import Text
from grader.sandbox import Handle, StudentCodeError, open_sandbox

SOURCE = """
import collections, decimal, fractions
import numpy as np
import pandas as pd
import torch

class Net(torch.nn.Module):
    def forward(self, x):
        return x

def answer(expression):
    return eval(expression, globals())

def harmless(x, y):
    return x + y

def double(x, y):
    x.mul_(2)
    y[0] = 7

def append(losses):
    losses.append(1.0)
"""


@pytest.fixture(scope="module")
def student(sandbox_server):
    submission = parse_submission("x.py", SOURCE.encode())
    with open_sandbox(sandbox_server.control, submission, Limits()) as sandbox:
        one = sandbox.student()
        yield one
        one.close()


@pytest.fixture(scope="module")
def answer(student):
    """What a function of the submission returns, given as an expression."""
    return student.answer


NO_NUMBERS = [
    "None",
    "''",
    "'1.5'",
    "b'1'",
    "{'loss': 1.5}",
    "{1.5}",
    "[1.5]",
    "(1.5,)",
    "[[1.5]]",
    "[]",
    "1.5 + 0j",
    "np.complex128(1.5)",
    "torch.tensor(1.5 + 0j)",
    "np.array('1.5')",
    "np.array([1.5, 2.5])",
    "torch.tensor([1.5, 2.5])",
    "torch.zeros(0)",
    "torch.zeros(1, 0)",
    "torch.nn.Linear(1, 1)",
    "lambda: 1.5",
    "object()",
    "float",
]


# --- number


@pytest.mark.parametrize(
    "expression",
    [
        "1.5",
        "fractions.Fraction(3, 2)",
        "np.float64(1.5)",
        "np.float32(1.5)",
        "np.float16(1.5)",
        "np.array(1.5)",
        "np.array([1.5])",
        "np.array([[1.5]], dtype='float32')",
        "torch.tensor(1.5)",
        "torch.tensor([1.5])",
        "torch.tensor([[1.5]])",
        "torch.tensor(1.5, requires_grad=True)",
        "torch.tensor(3.0, requires_grad=True) / 2",
        "torch.tensor(1.5, dtype=torch.float64)",
        "torch.tensor(1.5, dtype=torch.float16)",
        "torch.tensor(1.5, dtype=torch.bfloat16)",
        "torch.nn.Parameter(torch.tensor(1.5))",
        "pd.Series([1.5])[0]",
    ],
)
def test_number(answer, expression):
    found = number(answer(expression))

    assert type(found) is float
    assert found == 1.5


@pytest.mark.parametrize("value", [0, 1])
@pytest.mark.parametrize(
    "kind",
    [
        "int",
        "bool",
        "np.int64",
        "np.uint8",
        "np.bool_",
        "torch.tensor",
        "lambda v: torch.tensor(bool(v))",
        "lambda v: torch.tensor([v])",
        "lambda v: np.array(v)",
    ],
)
def test_number_may_be_an_integer_or_a_truth_value(answer, kind, value):
    assert number(answer(f"({kind})({value})")) == value


@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_number_may_be_not_finite_which_is_for_the_check_to_judge(answer, value):
    assert str(number(answer(f"torch.tensor(float('{value}'))"))) == value


@pytest.mark.parametrize("expression", NO_NUMBERS)
def test_no_number(answer, expression):
    with pytest.raises(CheckFailedError, match="expected a number, got"):
        number(answer(expression))


@pytest.mark.parametrize(
    "expression, kind",
    [
        ("None", "None"),
        ("'1.5'", "str"),
        ("[1.5]", "list of 1"),
        ("{'loss': 1.5}", "dict of 1"),
        ("torch.zeros(2, 3)", "tensor (2, 3) float32"),
        ("np.zeros((2, 3))", "array (2, 3) float64"),
        ("torch.nn.Linear(1, 1)", "Linear"),
    ],
)
def test_refusal_says_what_came_back(answer, expression, kind):
    with pytest.raises(CheckFailedError) as caught:
        number(answer(expression))

    assert caught.value.text.en.startswith(f"expected a number, got {kind}")


def test_number_may_be_huge(answer):
    assert number(answer("2 ** 100")) == 2.0**100


# --- tensor

MATRIX = [[1.0, 2.0, 3.0], [4.0, 5.0, 6.0]]


@pytest.mark.parametrize(
    "expression",
    [
        f"torch.tensor({MATRIX})",
        f"torch.tensor({MATRIX}, requires_grad=True)",
        f"torch.tensor({MATRIX}, requires_grad=True) * 1",
        f"torch.tensor({MATRIX}, dtype=torch.float64)",
        f"torch.tensor({MATRIX}, dtype=torch.float16)",
        f"torch.tensor({MATRIX}, dtype=torch.bfloat16)",
        f"torch.tensor({MATRIX}, dtype=torch.int64)",
        f"torch.nn.Parameter(torch.tensor({MATRIX}))",
        f"torch.tensor({MATRIX}).T.contiguous().T",
        f"np.array({MATRIX})",
        f"np.array({MATRIX}, dtype='float32')",
        f"np.array({MATRIX}, dtype='uint8')",
        f"np.array({MATRIX}, dtype='>f8')",
        f"np.asfortranarray({MATRIX})",
        f"pd.DataFrame({MATRIX})",
        f"{MATRIX}",
        f"tuple(map(tuple, {MATRIX}))",
        f"[torch.tensor(row) for row in {MATRIX}]",
        f"[np.array(row) for row in {MATRIX}]",
        f"[[torch.tensor(v) for v in row] for row in {MATRIX}]",
        f"[[torch.tensor(v, requires_grad=True) for v in row] for row in {MATRIX}]",
        f"[[np.float32(v) for v in row] for row in {MATRIX}]",
        f"[[int(v) for v in row] for row in {MATRIX}]",
    ],
)
def test_tensor(answer, expression):
    found = tensor(answer(expression), 2, 3)

    assert found.dtype == torch.float64
    assert found.tolist() == MATRIX


def test_tensor_of_truth_values(answer):
    assert tensor(answer("torch.tensor([True, False])"), 2).tolist() == [1, 0]
    assert tensor(answer("[True, False]"), 2).tolist() == [1, 0]


def test_tensor_without_dimensions(answer):
    assert tensor(answer("torch.tensor(1.5)")).tolist() == 1.5
    assert tensor(answer("1.5")).tolist() == 1.5


def test_tensor_without_elements(answer):
    assert tensor(answer("torch.zeros(0, 3)"), 0, 3).shape == (0, 3)
    assert tensor(answer("[]"), 0).shape == (0,)


def test_tensor_is_a_copy(answer):
    value = answer("torch.ones(2, dtype=torch.float64)")

    tensor(value, 2).zero_()

    assert value.tolist() == [1, 1]


@pytest.mark.parametrize(
    "expression",
    [
        "None",
        "'text'",
        "{'a': 1}",
        "[[1, 2], [3]]",
        "[['1', '2', '3'], ['4', '5', '6']]",
        "[[1, 2, 3], None]",
        "[[1, 2, 3], [4, 5, 6j]]",
        "[torch.nn.Linear(1, 1)] * 2",
        "torch.zeros(2, 3, dtype=torch.complex64)",
        "[torch.zeros(3, dtype=torch.complex64)] * 2",
        "np.zeros((2, 3), dtype='complex128')",
        "np.array([['a', 'b', 'c']] * 2)",
        "torch.nn.Linear(2, 3)",
        "iter([1.0])",
    ],
)
def test_no_tensor(answer, expression):
    with pytest.raises(CheckFailedError, match=r"expected a tensor of shape \(2, 3\), got "):
        tensor(answer(expression), 2, 3)


@pytest.mark.parametrize(
    "expression, shape",
    [
        ("torch.zeros(3, 2)", "(3, 2)"),
        ("torch.zeros(6)", "(6,)"),
        ("torch.zeros(1, 2, 3)", "(1, 2, 3)"),
        ("torch.tensor(1.5)", "()"),
        ("1.5", "()"),
        ("[1, 2, 3]", "(3,)"),
        ("[[[1, 2, 3], [4, 5, 6]]]", "(1, 2, 3)"),
        ("np.zeros((2, 4))", "(2, 4)"),
    ],
)
def test_tensor_of_another_shape(answer, expression, shape):
    with pytest.raises(CheckFailedError) as caught:
        tensor(answer(expression), 2, 3)

    assert caught.value.text.en == f"expected shape (2, 3), got {shape}"


# --- matrix


@pytest.mark.parametrize(
    "expression, columns",
    [
        ("torch.zeros(3, 1)", 1),
        ("torch.zeros(3, 5)", 5),
        ("np.zeros((3, 2))", 2),
        ("[[1, 2]] * 3", 2),
    ],
)
def test_rows_of_a_matrix_may_have_any_number_of_columns(answer, expression, columns):
    assert matrix(answer(expression), 3).shape == (3, columns)


@pytest.mark.parametrize(
    "expression",
    ["torch.zeros(2, 3)", "torch.zeros(3)", "torch.zeros(3, 1, 1)", "1.5", "None", "[[1], [2, 3]]"],
)
def test_no_matrix(answer, expression):
    with pytest.raises(CheckFailedError, match=r"\(3, \d\)"):
        matrix(answer(expression), 3)


# --- classes


@pytest.mark.parametrize(
    "expression",
    [
        "torch.tensor([0, 2, 1])",
        "torch.tensor([0, 2, 1], dtype=torch.uint8)",
        "torch.tensor([0., 2., 1.])",
        "torch.tensor([0., 2., 1.], requires_grad=True)",
        "np.array([0, 2, 1])",
        "np.array([0., 2., 1.])",
        "[0, 2, 1]",
        "[0.0, 2, 1]",
        "(0, 2, 1)",
        "[torch.tensor(v) for v in (0, 2, 1)]",
        "[np.int64(v) for v in (0, 2, 1)]",
        "pd.Series([0, 2, 1])",
        "range(0, 3)[::-1][:0] or [0, 2, 1]",
    ],
)
def test_classes(answer, expression):
    found = classes(answer(expression), 3)

    assert found == [0, 2, 1]
    assert {type(value) for value in found} == {int}


@pytest.mark.parametrize(
    "expression",
    [
        "None",
        "1",
        "[0, 1]",
        "[0, 1, 2, 3]",
        "torch.zeros(3, 1)",
        "torch.zeros(1, 3)",
        "torch.eye(3)",
        "['0', '1', '2']",
        "[0, 1, 1.5]",
        "torch.tensor([0, 1, 0.9999])",
        "[0, 1, float('nan')]",
        "[0, 1, float('inf')]",
        "[0, 1, None]",
    ],
)
def test_no_classes(answer, expression):
    with pytest.raises(CheckFailedError):
        classes(answer(expression), 3)


def test_classes_that_are_no_whole_numbers_are_reported(answer):
    with pytest.raises(CheckFailedError, match="whole numbers"):
        classes(answer("torch.tensor([0.1, 0.2, 0.7])"), 3)


@pytest.mark.parametrize(
    "expression",
    [
        "2",
        "2.0",
        "torch.tensor(2)",
        "torch.tensor([2])",
        "torch.tensor([[2.0]])",
        "np.int64(2)",
        "np.float32(2)",
        "np.array([2])",
        "torch.tensor([0.1, 0.2, 0.7]).argmax()",
    ],
)
def test_class_index(answer, expression):
    found = class_index(answer(expression))

    assert type(found) is int
    assert found == 2


def test_class_index_may_be_a_truth_value(answer):
    assert class_index(answer("True")) == 1
    assert class_index(answer("torch.tensor(False)")) == 0


@pytest.mark.parametrize(
    "expression", [*NO_NUMBERS, "1.5", "torch.tensor(0.9999)", "float('nan')", "float('-inf')"]
)
def test_no_class_index(answer, expression):
    with pytest.raises(CheckFailedError):
        class_index(answer(expression))


# --- history


@pytest.mark.parametrize(
    "expression",
    [
        "[3.0, 2.0, 1.0]",
        "[3, 2, 1]",
        "(3.0, 2.0, 1.0)",
        "collections.deque([3.0, 2.0, 1.0])",
        "[torch.tensor(v) for v in (3., 2., 1.)]",
        "[torch.tensor(v, requires_grad=True) for v in (3., 2., 1.)]",
        "[torch.tensor([v]) for v in (3., 2., 1.)]",
        "[np.float32(v) for v in (3., 2., 1.)]",
        "[3.0, torch.tensor(2.0), np.float64(1.0)]",
        "[[3.0], [2.0], [1.0]]",
        "torch.tensor([3., 2., 1.])",
        "torch.tensor([3., 2., 1.], requires_grad=True)",
        "torch.tensor([[3.], [2.], [1.]])",
        "np.array([3., 2., 1.])",
        "pd.Series([3., 2., 1.])",
    ],
)
@pytest.mark.parametrize("epochs", [3, 2, None])
def test_history_of_as_many_epochs_or_one_more(answer, expression, epochs):
    found = history(answer(expression), epochs)

    assert found == [3, 2, 1]
    assert {type(value) for value in found} == {float}


@pytest.mark.parametrize("epochs", [1, 4, 300])
def test_history_of_another_length(answer, epochs):
    with pytest.raises(CheckFailedError) as caught:
        history(answer("[3.0, 2.0, 1.0]"), epochs)

    assert caught.value.text.en == (f"expected as many losses as epochs ({epochs}), got 3")


@pytest.mark.parametrize(
    "expression",
    [
        "None",
        "1.5",
        "np.float64(1.5)",
        "torch.tensor(1.5)",
        "'3, 2, 1'",
        "{'loss': [3.0, 2.0, 1.0]}",
        "torch.nn.Linear(1, 1)",
        "iter([3.0, 2.0, 1.0])",
        "['3.0', '2.0', '1.0']",
        "[3.0, None, 1.0]",
        "[3.0, 'nan', 1.0]",
        "[3.0, 2.0j, 1.0]",
        "[(0, 3.0), (1, 2.0), (2, 1.0)]",
        "torch.zeros(1, 3)",
        "torch.zeros(3, 2)",
        "[torch.zeros(2)] * 3",
        "[]",
        "torch.zeros(0)",
        "[3.0, float('nan'), 1.0]",
        "[3.0, 2.0, float('inf')]",
        "torch.tensor([3.0, float('-inf'), 1.0])",
    ],
)
@pytest.mark.parametrize("epochs", [3, None])
def test_no_history(answer, expression, epochs):
    with pytest.raises(CheckFailedError):
        history(answer(expression), epochs)


def test_history_that_is_not_finite_is_reported(answer):
    with pytest.raises(CheckFailedError, match="not finite"):
        history(answer("[3.0, float('nan'), 1.0]"), 3)


def test_one_epoch_may_be_one_loss_in_any_shape(answer):
    assert history(answer("[1.5]"), 1) == [1.5]
    assert history(answer("torch.tensor([1.5])"), 1) == [1.5]


# --- model


@pytest.mark.parametrize("expression", ["torch.nn.Linear(1, 1)", "Net()", "torch.nn.Sequential()"])
def test_model(answer, expression):
    assert isinstance(model(answer(expression)), Handle)


@pytest.mark.parametrize(
    "expression", ["None", "1.5", "torch.zeros(2)", "Net", "lambda x: x", "object()", "[Net()]"]
)
def test_no_model(answer, expression):
    with pytest.raises(CheckFailedError, match=r"expected an nn\.Module, got"):
        model(answer(expression))


# --- agreement


@pytest.mark.parametrize(
    "actual, expected",
    [
        (1.0, 1.0),
        (1.0009, 1.0),
        (0.0009, 0.0),
        (1000.9, 1000.0),
        (torch.ones(2), torch.ones(2, dtype=torch.float64)),
        (torch.tensor(1.0), 1.0),
        (1.0, torch.tensor(1)),
    ],
)
def test_close(actual, expected):
    assert close(actual, expected)


@pytest.mark.parametrize(
    "actual, expected",
    [
        (1.0021, 1.0),
        (-1.0, 1.0),
        (0.0011, 0.0),
        (1002.0, 1000.0),
        (math.nan, 1.0),
        (math.nan, math.nan),
        (math.inf, 1.0),
        (torch.ones(2), torch.ones(3)),
        (torch.ones(2, 1), torch.ones(2)),
        (torch.ones(1), 1.0),
        (torch.tensor([1.0, 2.0]), torch.tensor([1.0, 2.1])),
        (torch.tensor([1.0, math.nan]), torch.tensor([1.0, 2.0])),
    ],
)
def test_not_close(actual, expected):
    assert not close(actual, expected)


def test_tolerance_is_relative_to_the_expected_and_at_least_absolute():
    assert close(110.0, 100.0, 0.1)
    assert close(0.1, 0.0, 0.1)
    assert not close(111.0, 100.0, 0.1)
    assert not close(0.11, 0.0, 0.1)


@pytest.mark.parametrize("scale", [1.0, 1000.0])
def test_numbers_agree_within_a_thousandth(scale):
    assert_close(scale * 1.0009, scale)
    assert_close(torch.tensor([0.0009, scale]), torch.tensor([0.0, scale]))
    for actual, expected in ((scale * 1.003, scale), (scale, scale * 1.003), (0.003, 0.0)):
        with pytest.raises(CheckFailedError):
            assert_close(actual, expected)


def test_values_that_agree_pass():
    assert_close(1.0, 1.0)


def test_values_that_differ_are_reported_without_the_expected_ones():
    with pytest.raises(CheckFailedError) as caught:
        assert_close(1.25, 9.75)

    assert "9.75" not in caught.value.text.en + caught.value.text.ko
    assert "1.25" not in caught.value.text.en + caught.value.text.ko


# --- gradients


def gradient_of(loss):
    p = torch.tensor([[0.25], [0.5]], requires_grad=True)
    value = loss(p)
    if isinstance(value, torch.Tensor) and value.requires_grad:
        value.backward()
    return value, p.grad


SQUARES = torch.tensor([[0.5], [1.0]])


def test_a_right_gradient_passes():
    check_gradient(*gradient_of(lambda p: (p**2).sum()), SQUARES)


@pytest.mark.parametrize(
    ("loss", "message"),
    [
        (lambda p: (p**2).sum().item(), "return the tensor, not `.item()`"),
        (lambda p: (p.detach() ** 2).sum(), "without `.detach()`"),
        (lambda p: (p**2).sum().detach().numpy(), "return a tensor, not array () float32"),
        (lambda p: (p**2).mean(), "the gradient of the loss is wrong"),
    ],
)
def test_a_loss_without_a_right_gradient_is_told_why(loss, message):
    with pytest.raises(CheckFailedError, match=re.escape(message)):
        check_gradient(*gradient_of(loss), SQUARES)


# --- circumstances

PERMUTED = Text(ko="번호를 바꾸었을 때", en="with permuted labels")


def test_the_message_says_what_a_check_was_done_with():
    with pytest.raises(CheckFailedError) as caught, circumstance(PERMUTED):
        fail(ko="아닙니다", en="no")

    assert caught.value.text == Text(
        ko="아닙니다 (번호를 바꾸었을 때)", en="no (with permuted labels)"
    )


def test_a_function_that_did_not_run_has_no_circumstances(student):
    with pytest.raises(StudentCodeError) as caught, circumstance(PERMUTED):
        student.nowhere()

    assert caught.value.text.en == "`nowhere` is not defined"


def test_a_call_that_raised_has_circumstances(student):
    with pytest.raises(StudentCodeError) as caught, circumstance(PERMUTED):
        student.double(None, None)

    assert caught.value.text.en.endswith(" (with permuted labels)")


def test_no_circumstance_adds_nothing():
    with pytest.raises(CheckFailedError, match=r"^no$"), circumstance(None):
        fail(ko="아닙니다", en="no")


# --- arguments


def test_unchanged_arguments_pass(student):
    student.harmless(torch.ones(2), torch.ones(2))

    assert_unchanged(student)


def test_each_changed_argument_is_reported_once(student):
    student.double(torch.ones(2), y=torch.ones(2))
    student.double(torch.ones(2), y=torch.ones(2))

    with pytest.raises(CheckFailedError) as caught:
        assert_unchanged(student)

    assert caught.value.text.en.startswith(
        "a function must not change its arguments: `double` changed `x` (x.py, line "
    )
    assert caught.value.text.en.count("changed `") == 2
    assert_unchanged(student)


def test_changed_list_is_reported(student):
    student.append([])

    with pytest.raises(CheckFailedError, match="`append` changed `losses`"):
        assert_unchanged(student)


def test_change_that_changes_nothing_passes(student):
    student.double(torch.zeros(2), torch.tensor([7.0, 0.0]))

    assert_unchanged(student)


# --- messages of checks


def test_fail_tells_in_both_languages():
    with pytest.raises(CheckFailedError) as caught:
        fail(ko="아닙니다", en="no")

    assert caught.value.text == Text(ko="아닙니다", en="no")
    assert str(caught.value) == "no"


def test_require_fails_without_its_condition():
    with pytest.raises(CheckFailedError, match=r"^no$"):
        require(torch.tensor(False), ko="아닙니다", en="no")


def test_require_passes_with_its_condition():
    require(torch.tensor(True), ko="아닙니다", en="no")


def test_failure_of_a_check_is_an_assertion():
    with pytest.raises(AssertionError):
        fail(ko="아닙니다", en="no")
