"""An audit finds checks that are too lax, too strict or unstable; each test uses an assignment with one such fault."""

import shutil
import time

import psutil
import pytest

from grader.authoring.audit import audit, lost_items, read_samples
from grader.authoring.new import new_assignment
from grader.model.assignment import load_assignment
from grader.model.errors import AssignmentError, UserError
from grader.model.score import Verdict
from grader.model.submission import parse_submission

LAX = "assert_close(number(student.mean_squared_error(predicted, target)), expected)"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    return new_assignment("error", tmp_path_factory.mktemp("solutions"))


@pytest.fixture
def changed(fresh, tmp_path):
    def change(file="solution.py", old="", new="", **files):
        folder = tmp_path / "error"
        shutil.copytree(fresh, folder)
        path = folder / file
        assert old in path.read_text(encoding="utf-8")
        path.write_text(path.read_text(encoding="utf-8").replace(old, new), encoding="utf-8")
        for name, text in files.items():
            (folder / name).write_text(text, encoding="utf-8")
        return load_assignment(folder)

    return change


def kinds(result):
    return {finding.kind for finding in result.findings}


def servers():
    return {child.pid for child in psutil.Process().children(recursive=True)}


@pytest.mark.long
def test_a_new_assignment_passes_as_it_stands(fresh, grader):
    assignment = load_assignment(fresh)
    grader.grade(assignment, parse_submission("x.py", b"x = 1"), "")
    before = servers()

    result = audit(grader, assignment, jobs=2, repeat=1)

    deadline = time.monotonic() + 10  # the last submission's processes end by themselves
    while not servers() <= before and time.monotonic() < deadline:
        time.sleep(0.1)
    assert servers() <= before
    assert result.findings == ()
    assert [sample.name for sample in result.samples] == [
        "solution.py",
        "variants/loop.py",
        "mistakes/sum_for_mean.py",
    ]
    assert result.samples[2].lost == result.samples[2].must_lose == ("mean_squared_error",)
    assert len(result.mutants) >= 10
    assert result.failed_by["mean_squared_error"] == len(result.mutants) - result.equivalent
    assert result.margins == ()


@pytest.mark.long
@pytest.mark.slow
def test_lax_checks_let_mutants_survive(changed, grader):
    assignment = changed("test_error.py", LAX, LAX.split("(", 1)[1].split(", expected")[0])

    result = audit(grader, assignment, jobs=2)

    assert kinds(result) == {"sample", "mutant"}
    assert result.failed_by["mean_squared_error"] < len(result.mutants)
    diffs = [finding.diff for finding in result.findings if finding.kind == "mutant"]
    assert any("+    return (differences ** 2).sum()" in d or "+ target" in d for d in diffs)
    assert [f.subject for f in result.findings if f.kind == "sample"] == [
        "mistakes/sum_for_mean.py"
    ]


@pytest.mark.slow
def test_strict_checks_cost_a_variant_its_points(changed, grader):
    assignment = changed(
        "test_error.py", LAX, "assert student.mean_squared_error(predicted, target).ndim == 0"
    )

    subjects = {f.subject for f in audit(grader, assignment, jobs=2).findings}

    assert "variants/loop.py" in subjects


@pytest.mark.long
def test_checks_that_hang_on_the_seed_are_unstable(changed, grader):
    assignment = changed("test_error.py", "expected)\n", "expected)\n")
    seed = assignment.hidden_seed
    path = assignment.folder / "test_error.py"
    text = path.read_text(encoding="utf-8").replace("(student, rng)", "(student, rng, settings)")
    text = text.replace(
        "    assert_unchanged", f"    assert settings.hidden_seed == {seed}\n    assert_unchanged"
    )
    path.write_text(text, encoding="utf-8")

    result = audit(grader, assignment, jobs=2, repeat=1)

    assert kinds(result) == {"unstable"}
    assert {f.subject for f in result.findings} == {"solution.py", "variants/loop.py"}
    assert all(str(seed + 1) in f.text.en for f in result.findings)


@pytest.mark.long
def test_margins_tell_how_close_right_submissions_come_to_each_threshold(changed, grader):
    assignment = changed("assignment.toml", "[[items]]", "[thresholds]\nmost = 0.5\n[[items]]")
    path = assignment.folder / "test_error.py"
    text = path.read_text(encoding="utf-8").replace(
        "(student, rng)", "(student, rng, settings, threshold)"
    )
    text = text.replace(
        "    assert_unchanged",
        "    threshold.at_most('most', 0.3 + 0.01 * (settings.seed - 2025), ko='', en='')\n"
        "    threshold.at_least('most', 4, bound=2, ko='', en='')\n"
        "    threshold.at_least('most', float('inf'), ko='', en='')\n    assert_unchanged",
    )
    path.write_text(text, encoding="utf-8")

    result = audit(grader, load_assignment(assignment.folder), jobs=2, repeat=2)

    assert result.findings == ()
    assert [(each.closest.threshold, each.sample) for each in result.margins] == [
        ("most", "solution.py"),
        ("most", "variants/loop.py"),
    ]
    for margin in result.margins:
        assert (margin.closest.at_most, margin.closest.bound) == (True, 0.5)
        assert margin.closest.value == pytest.approx(0.32)
        assert margin.closest.margin == pytest.approx(0.18)
        assert margin.spread == pytest.approx(0.01)
        assert margin.spreads == pytest.approx(18)


@pytest.mark.slow
def test_what_a_threshold_refuses_is_lost_and_recorded_on_the_wrong_side(changed, grader):
    assignment = changed("assignment.toml", "[[items]]", "[thresholds]\nleast = 2\n[[items]]")
    path = assignment.folder / "test_error.py"
    text = path.read_text(encoding="utf-8").replace("(student, rng)", "(student, rng, threshold)")
    text = text.replace(
        "    assert_unchanged",
        "    threshold.at_least('least', 1.5, ko='', en='')\n    assert_unchanged",
    )
    path.write_text(text, encoding="utf-8")
    assignment = load_assignment(assignment.folder)
    submission = parse_submission("x.py", (assignment.folder / "solution.py").read_bytes())

    (item,) = grader.grade(assignment, submission, "").report.items

    assert item.verdict is Verdict.FAILED
    assert [(each.threshold, each.margin) for each in item.measures] == [("least", -0.5)]


@pytest.mark.long
@pytest.mark.slow
def test_a_mutant_that_no_longer_exists_is_reported(changed, grader):
    assignment = changed("equivalent.toml", "", "")
    with (assignment.folder / "equivalent.toml").open("a", encoding="utf-8") as file:
        file.write('"no_step:train:00000000" = "gone"\n')

    result = audit(grader, assignment, jobs=2)

    assert [(f.kind, f.subject) for f in result.findings] == [
        ("equivalent", "no_step:train:00000000")
    ]


@pytest.mark.long
def test_a_mutant_that_hangs_loses_its_points_in_seconds(changed, grader):
    assignment = changed(
        "solution.py",
        "    differences = predicted - target\n",
        "    count = 1\n    while count < 1:\n        count += 1\n    differences = predicted - target\n",
    )

    result = audit(grader, assignment, jobs=2)

    assert "ungraded" not in kinds(result)


def test_samples_tell_what_they_lose(fresh):
    samples = {sample.name: sample.loses for sample in read_samples(load_assignment(fresh))}

    assert samples == {
        "solution.py": frozenset(),
        "variants/loop.py": frozenset(),
        "mistakes/sum_for_mean.py": {"mean_squared_error"},
    }


@pytest.mark.parametrize("header", ["", "# loses: nothing_known", "# loses:"])
def test_a_mistake_that_says_nothing_is_refused(changed, header):
    assignment = changed("mistakes/sum_for_mean.py", "# loses: mean_squared_error", header)

    with pytest.raises(AssignmentError, match="# loses: mean_squared_error"):
        read_samples(assignment)


def test_lost_items_are_those_without_all_points(fresh, grader):
    assignment = load_assignment(fresh)

    report = grader.grade(assignment, parse_submission("x.py", b"x = 1"), "").report

    assert lost_items(report) == {"mean_squared_error"}


@pytest.mark.parametrize("name", ["", "Wine", "1st", "../wine", "a b", "와인"])
def test_a_name_that_is_no_identifier_is_refused(name, tmp_path):
    with pytest.raises(UserError, match="isn't a valid name"):
        new_assignment(name, tmp_path)


def test_an_assignment_that_is_there_stays_as_it_is(fresh):
    with pytest.raises(UserError, match="already exists"):
        new_assignment("error", fresh.parent)
