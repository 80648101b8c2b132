"""Settings files: their meaning, and one clear error for each mistake."""

from pathlib import Path

import pytest

from grader.model.assignment import Limits, load_assignment, load_assignments
from grader.model.errors import AssignmentError, UserError
from grader.model.score import Verdict
from grader.model.text import Text

ROOT = Path(__file__).parents[2]

HEAD = """
name = "tiny"
title = { ko = "작은 과제", en = "Tiny" }
functions = ["one", "two"]
"""
ITEM = """
[[items]]
id = "one"
title = { ko = "하나", en = "One" }
points = 10
"""


@pytest.fixture
def write(tmp_path):
    """Write a settings file and return its folder."""

    def make(text, name="tiny"):
        folder = tmp_path / name
        folder.mkdir()
        data = text if isinstance(text, bytes) else text.encode()
        (folder / "assignment.toml").write_bytes(data)
        return folder

    return make


@pytest.mark.parametrize("name", ["binary", "multinomial", "wine"])
def test_each_assignment_of_the_course_has_100_points(assignments, name):
    assert assignments[name].max_score == 100


@pytest.mark.parametrize(
    "name, expected",
    [
        (
            "binary",
            {
                "weighted_sum": 10,
                "sigmoid": 10,
                "model_shape": 10,
                "bce_loss": 20,
                "training_loop": 20,
                "convergence": 20,
                "predict": 10,
            },
        ),
        (
            "multinomial",
            {
                "model_shape": 10,
                "cross_entropy_loss": 20,
                "training_loop": 20,
                "convergence": 20,
                "predict_proba": 15,
                "predict": 15,
            },
        ),
        (
            "wine",
            {
                "data_split": 15,
                "model_shape": 10,
                "convergence": 25,
                "accuracy": 20,
                "test_0_class": 30,
            },
        ),
    ],
)
def test_rubrics_of_the_course(assignments, name, expected):
    assert {item.id: item.points for item in assignments[name].items} == expected


def test_items_of_the_course_are_all_or_nothing(assignments):
    assert not any(item.weights for a in assignments.values() for item in a.items)


def test_thresholds_of_the_course(assignments):
    assert assignments["binary"].thresholds["max_loss"] == 0.31
    assert assignments["multinomial"].thresholds["max_loss"] == 0.36
    assert assignments["wine"].thresholds["max_loss"] == 0.3
    assert assignments["wine"].thresholds["min_accuracy"] == 0.85


def test_default_training_may_take_120_cpu_seconds(assignments):
    assert {a.limits.train_cpu_seconds for a in assignments.values()} == {120.0}


def test_defaults_of_the_shortest_settings_file(write):
    assignment = load_assignment(write(HEAD + ITEM))

    assert assignment.title == Text(ko="작은 과제", en="Tiny")
    assert assignment.functions == ("one", "two")
    assert assignment.seed == 2025
    assert assignment.limits == Limits()
    assert assignment.items[0].weights == {}


def test_folder_is_absolute(write, monkeypatch):
    folder = write(HEAD + ITEM)
    monkeypatch.chdir(folder.parent)

    assert load_assignment(Path("tiny")).folder == folder


def test_weights_and_limits_are_read(write):
    text = HEAD + "[limits]\nmemory_mb = 512\n" + ITEM + "weights = { test_a = 3, test_b = 1 }\n"

    assignment = load_assignment(write(text))

    assert assignment.limits.memory_mb == 512
    assert assignment.items[0].weights == {"test_a": 3, "test_b": 1}


def test_hints_are_read_by_verdict(write):
    text = HEAD + ITEM + 'hints.timeout = { ko = "반복", en = "the loop" }\n'

    assert load_assignment(write(text)).items[0].hints == {
        Verdict.TIMEOUT: Text(ko="반복", en="the loop")
    }


def test_the_course_has_a_hint_for_each_wrong_answer(assignments):
    assert all(Verdict.FAILED in item.hints for a in assignments.values() for item in a.items)


def test_points_may_be_fractions(write):
    text = HEAD + ITEM.replace("10", "2.5") + ITEM.replace("one", "two")

    assert load_assignment(write(text)).max_score == 12.5


@pytest.mark.parametrize(
    "text, complaint",
    [
        pytest.param("", "`name`", id="empty"),
        pytest.param("name = ", "Invalid value", id="no toml"),
        pytest.param(b"name = '\xb0\xfa'", "utf-8", id="not in UTF-8"),
        pytest.param(HEAD, "`items`", id="no items"),
        pytest.param("items = []\n" + HEAD, "rubric items", id="an empty rubric"),
        pytest.param(HEAD + ITEM + ITEM, "unique ids", id="the same id twice"),
        pytest.param(HEAD.replace("name", "nam") + ITEM, "`nam`", id="a misspelt key"),
        pytest.param(HEAD + "due = 3\n" + ITEM, "`due`", id="an unknown key"),
        pytest.param(HEAD + ITEM + "point = 3\n", "`point`", id="an unknown key of an item"),
        pytest.param(HEAD + "[limits]\ncpu = 3\n" + ITEM, "`cpu`", id="an unknown limit"),
        pytest.param(HEAD + ITEM.replace("10", "0"), "items[0].points", id="no points"),
        pytest.param(HEAD + ITEM.replace("10", "-1"), "items[0].points", id="negative points"),
        pytest.param(HEAD + ITEM.replace("10", "nan"), "items[0].points", id="points not a number"),
        pytest.param(HEAD + ITEM.replace("10", "'10'"), "items[0].points", id="points as text"),
        pytest.param(
            HEAD + ITEM + "weights = { test_a = 0 }", "items[0].weights[...]", id="no weight at all"
        ),
        pytest.param(
            HEAD + ITEM + 'hints.wrong = { ko = "", en = "" }',
            "'wrong'",
            id="a hint for no verdict",
        ),
        pytest.param(HEAD.replace(', en = "Tiny"', "") + ITEM, "`en`", id="one language only"),
        pytest.param(
            HEAD + "[limits]\nmemory_mb = 0\n" + ITEM, "$.limits.memory_mb", id="a limit of 0"
        ),
        pytest.param(
            HEAD + "[thresholds]\nloss = 'low'\n" + ITEM, "$.thresholds[...]", id="no number"
        ),
        pytest.param(HEAD + 'folder = "/tmp"\n' + ITEM, "folder", id="the folder as a setting"),
        pytest.param(HEAD.replace('["one", "two"]', "[]") + ITEM, "functions", id="no functions"),
    ],
)
def test_wrong_settings_are_one_clear_error(write, text, complaint):
    folder = write(text)

    with pytest.raises(AssignmentError) as caught:
        load_assignment(folder)

    place, reason = str(caught.value).split(" is invalid: ")
    assert place == str(folder / "assignment.toml")
    assert complaint in reason
    assert len(reason.splitlines()) == 1


def test_missing_settings_file_is_named(tmp_path):
    with pytest.raises(UserError, match=r"can't read .*assignment\.toml: No such file"):
        load_assignment(tmp_path)


def test_settings_that_are_a_folder_are_no_settings(tmp_path):
    (tmp_path / "assignment.toml").mkdir()

    with pytest.raises(UserError, match="can't read"):
        load_assignment(tmp_path)


def test_all_assignments_of_a_folder_by_name(write):
    write(HEAD.replace("tiny", "b") + ITEM, "second")
    folder = write(HEAD.replace("tiny", "a") + ITEM, "first").parent
    (folder / "notes").mkdir()

    found = load_assignments(folder)

    assert list(found) == ["a", "b"]
    assert found["a"].folder.name == "first"


def test_two_assignments_of_one_name_are_refused(write):
    write(HEAD + ITEM, "first")
    folder = write(HEAD + ITEM, "second").parent

    with pytest.raises(AssignmentError, match="tiny"):
        load_assignments(folder)


def test_a_folder_without_assignments_is_reported(tmp_path):
    with pytest.raises(UserError, match="contains no assignment"):
        load_assignments(tmp_path)


def test_a_folder_that_is_missing_is_reported(tmp_path):
    with pytest.raises(UserError, match="contains no assignment"):
        load_assignments(tmp_path / "nowhere")


def test_public_settings_name_the_same_rubric_as_the_hidden_ones(assignments):
    public = load_assignments(ROOT / "assignments")

    assert {n: [(i.id, i.points) for i in a.items] for n, a in assignments.items()} == {
        n: [(i.id, i.points) for i in a.items] for n, a in public.items()
    }


def test_public_settings_keep_the_hidden_seed_to_themselves(assignments):
    public = load_assignments(ROOT / "assignments")

    for name, assignment in assignments.items():
        assert assignment.hidden_seed != public[name].hidden_seed
