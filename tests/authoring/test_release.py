"""Students' files are generated from the solution: complete, up to date, and without the answers."""

import io
import json
import re
import tomllib
import zipfile

import nbformat
import pytest

from grader.authoring.regions import find_regions
from grader.authoring.release import (
    differences,
    make_release,
    verify_release,
    write_release,
    zip_release,
)
from grader.model.assignment import load_assignment, load_assignments
from grader.model.errors import AssignmentError, UserError

LANGUAGES = ("both", "ko", "en")
HANGUL = re.compile("[가-힣]")

SETTINGS = """
name = "mean"
title = { ko = "평균", en = "Mean" }
functions = ["mean"]
hidden_seed = 918273

[thresholds]
secret = 0.123

[[items]]
id = "mean"
title = { ko = "평균", en = "Mean" }
points = 10
what = { ko = "값이 {secret} 이내로 맞습니다", en = "the value is right within {secret}" }
"""
README = "# 평균\n*The mean*\n\n<!-- rubric -->\n\n<!-- check -->\n\n<!-- hand in -->\n"
SOLUTION = '''# %% [markdown]
# # 평균
# *The mean*

# %%
def mean(numbers: list[float]) -> float:
    """평균을 반환합니다.

    Return the mean.
    """
    # 힌트: 합을 개수로 나누세요.
    # Hint: divide the sum by the count.
    ### BEGIN SOLUTION
    total_of_all = sum(numbers)
    return total_of_all / len(numbers)
    ### END SOLUTION


# %% tags=["demo"]
if __name__ == "__main__":
    print(mean([1.0, 2.0]))
'''
CHECKS = """import pytest

@pytest.mark.item("mean")
def test_mean(student):
    assert student.mean([1.0, 2.0, 6.0]) == 3.0, "a mean of three numbers"
"""
PUBLIC = """import pytest

@pytest.mark.item("mean")
def test_mean(student):
    assert student.mean([1.0, 2.0]) == 1.5
"""


@pytest.fixture
def mean(tmp_path):
    def write(**changed):
        files = {
            "assignment.toml": SETTINGS,
            "solution.py": SOLUTION,
            "test_mean.py": CHECKS,
            "public/test_public.py": PUBLIC,
            "public/README.md": README,
        }
        for name, text in (files | changed).items():
            path = tmp_path / "mean" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return load_assignment(tmp_path / "mean")

    return write


def cells(files):
    return nbformat.reads(files["mean.ipynb"].decode(), nbformat.NO_CONVERT).cells


def test_the_templates_here_are_those_that_the_solutions_give(assignments):
    for assignment in assignments.values():
        folder = assignment.folder.parents[1] / "assignments" / assignment.name

        assert differences(make_release(assignment), folder) == []


@pytest.mark.long
@pytest.mark.parametrize(
    "name", ["binary", *(pytest.param(n, marks=pytest.mark.long) for n in ("multinomial", "wine"))]
)
def test_templates_get_nothing_and_solutions_everything(name, assignments, grader):
    verify_release(grader, assignments[name], make_release(assignments[name]))


def test_regions_become_stubs_beside_their_hints(mean):
    script = make_release(mean())["mean.py"].decode()

    assert "total_of_all" not in script
    assert "SOLUTION" not in script
    after_hint = script.split("by the count.\n")[1].splitlines()
    assert after_hint[0].startswith("    # TODO: ")
    assert after_hint[1].startswith('    raise NotImplementedError("mean: ')


def test_notebook_has_the_same_cells_with_ids_that_stay(mean):
    files = make_release(mean())
    everything = cells(files)
    setup, title, code, demo, words, check = everything

    assert [cell.id for cell in everything] == [f"mean-{number:02}" for number in range(1, 7)]
    assert "pip install" in setup.source
    assert (words.cell_type, check.source) == ("markdown", "grader.check()")
    assert check.metadata.tags == ["demo"]
    assert title.source == "# 평균\n*The mean*"
    assert code.source in files["mean.py"].decode()
    assert demo.source == "print(mean([1.0, 2.0]))"
    assert demo.metadata.tags == ["demo"]


def test_students_get_no_thresholds_and_no_seed(mean):
    settings = make_release(mean())["assignment.toml"].decode()

    assert "secret" not in settings
    assert "0.123" not in settings
    assert "918273" not in settings
    assert tomllib.loads(settings)["items"][0]["points"] == 10


@pytest.mark.parametrize(
    "language, there, gone",
    [("ko", ["평균", "힌트"], ["mean*", "Hint", "Return"]), ("en", ["Hint", "Return"], ["평균"])],
)
def test_one_language(mean, language, there, gone):
    files = make_release(mean(), language)
    everything = b"\n".join(files[n] for n in ("mean.py", "mean.ipynb", "README.md")).decode()

    assert [word for word in there if word not in everything] == []
    assert [word for word in gone if word in everything] == []
    compile(files["mean.py"], "mean.py", "exec")


def test_the_readme_tells_what_the_settings_ask_and_how_to_check_and_hand_in(mean, tmp_path):
    (tmp_path / "course.toml").write_text(
        'contact = "ta@example.org"\nhand_in = { ko = "LMS에 올리세요.", en = "Upload it." }',
        "utf-8",
    )
    mean()
    assignment = load_assignments(tmp_path)["mean"]

    readme = {lang: make_release(assignment, lang)["README.md"].decode() for lang in LANGUAGES}

    assert (
        "| `mean` | 10 | 값이 0.123 이내로 맞습니다 | the value is right within 0.123 |"
        in (readme["both"])
    )
    assert "| `mean` | 10 | the value is right within 0.123 |\n" in readme["en"]
    for words in (
        "$ pip install torch-grader\n",
        "$ grader check mean.ipynb\n",
        "grader.check()\n",
    ):
        assert all(words in each for each in readme.values())
    assert "Upload it." in readme["en"]
    assert "Questions: ta@example.org" in readme["en"]
    assert "LMS에 올리세요." in readme["ko"]
    assert not HANGUL.search(readme["en"])
    assert "<!--" not in "".join(readme.values())


@pytest.mark.parametrize(
    "readme, words",
    [
        (README.replace("<!-- rubric -->", ""), "rubric"),
        (README.replace("<!-- check -->", ""), "check"),
        (README + "TODO: 설명\n", "TODO"),
        (README + "<여기에 설명>\n", "<여기에 설명>"),
        (README + "Due on {due}.\n", "{due}"),
        (README + "Lorem ipsum dolor\n", "Lorem ipsum"),
        (README + "See NAME.py\n", "NAME"),
    ],
)
def test_a_readme_that_is_not_finished_is_refused(mean, readme, words):
    assignment = mean(**{"public/README.md": readme})

    with pytest.raises(AssignmentError) as caught:
        make_release(assignment)

    assert words in caught.value.text.en


@pytest.mark.parametrize(
    "words",
    [
        "functions marked `TODO`",
        "```python\nx = {}\n```",
        "see <https://example.org>",
        "$\\frac{a}{b}$",
        "<br>",
        "a < b > c",
    ],
)
def test_what_is_no_placeholder_is_left_alone(mean, words):
    assert words in make_release(mean(**{"public/README.md": README + words}))["README.md"].decode()


@pytest.mark.parametrize(
    "settings, words",
    [
        (SETTINGS.replace("{secret}", "{other}"), "other"),
        (re.sub("(?m)^what = .*$", "", SETTINGS), "what"),
    ],
)
def test_settings_that_do_not_say_what_is_asked_are_refused(mean, settings, words):
    with pytest.raises(AssignmentError, match=words):
        make_release(mean(**{"assignment.toml": settings}))


def test_the_language_of_the_course_goes_with_the_assignment(mean, tmp_path):
    (tmp_path / "course.toml").write_text('lang = "ko"')
    mean()

    settings = make_release(load_assignments(tmp_path)["mean"])["assignment.toml"].decode()

    assert 'lang = "ko"\n' in settings


@pytest.mark.parametrize(
    "file, text",
    [
        ("public/README.md", README + "Try `return total_of_all / len(numbers)`"),
        ("public/test_public.py", PUBLIC + "# total_of_all = sum(numbers)"),
        ("public/data.csv", "918273"),
        (
            "public/hint.ipynb",
            nbformat.writes(
                nbformat.v4.new_notebook(
                    cells=[nbformat.v4.new_code_cell("total_of_all = sum(numbers)")]
                )
            ),
        ),
        (
            "public/README.md",
            README + 'assert student.mean([1.0, 2.0, 6.0]) == 3.0, "a mean of three numbers"',
        ),
    ],
)
def test_a_file_that_gives_an_answer_away_is_refused(mean, file, text):
    assignment = mean(**{file: text})

    with pytest.raises(AssignmentError, match="would reveal"):
        make_release(assignment)


@pytest.mark.parametrize(
    "source",
    [
        SOLUTION.replace("    ### END SOLUTION\n", ""),
        SOLUTION.replace("    ### BEGIN SOLUTION\n", ""),
        SOLUTION.replace("    ### END SOLUTION\n", "    ### BEGIN SOLUTION\n"),
        SOLUTION + "\n\ndef more():\n    ### BEGIN SOLUTION\n    return 1\n",
        "### BEGIN SOLUTION\nx = 1\n### END SOLUTION\n",
        "x = 1\n",
    ],
)
def test_markers_without_a_partner_are_refused(mean, source):
    assignment = mean(**{"solution.py": source})

    with pytest.raises(AssignmentError, match="region"):
        make_release(assignment)


def test_a_method_is_a_region_too(mean):
    source = (
        "class Net:\n    def forward(self):\n"
        "        ### BEGIN SOLUTION\n        return 1\n        ### END SOLUTION\n"
    )

    assert [region.function for region in find_regions(mean(), source)] == ["Net.forward"]


@pytest.mark.long
def test_a_good_release_is_verified(mean, grader):
    assignment = mean()

    verify_release(grader, assignment, make_release(assignment))


@pytest.mark.sampled(3)
@pytest.mark.slow
@pytest.mark.parametrize(
    "changed, words",
    [
        ({"solution.py": SOLUTION.replace("/ len", "* len")}, "the solution loses points in mean$"),
        ({"test_mean.py": CHECKS.replace("assert", "student.mean or")}, "gets 10"),
        ({"public/test_public.py": PUBLIC.replace("1.5", "2.5")}, "public checks"),
    ],
)
def test_a_release_that_grades_wrongly_is_refused(mean, grader, changed, words):
    assignment = mean(**changed)

    with pytest.raises(AssignmentError, match=words):
        verify_release(grader, assignment, make_release(assignment))


def test_writing_makes_the_folder_hold_these_files_only(mean, tmp_path):
    files = make_release(mean())
    folder = tmp_path / "released"
    (folder / ".git").mkdir(parents=True)
    (folder / ".git" / "HEAD").write_text("main")
    write_release(files, folder)
    (folder / "old.py").write_text("1")

    write_release(files, folder)

    assert differences(files, folder) == []
    assert {path.name for path in folder.iterdir()} == {*files, ".git"}
    assert (folder / ".git" / "HEAD").read_text() == "main"


def test_a_folder_with_something_else_in_it_is_left_alone(mean, tmp_path):
    assignment = mean()
    files = make_release(assignment)
    other = tmp_path / "thesis"
    other.mkdir()
    (other / "chapter.tex").write_text("1")

    for folder in (assignment.folder, other):
        before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
        with pytest.raises(UserError, match="other files than a release"):
            write_release(files, folder)
        assert {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()} == before


def test_the_archive_holds_one_folder_and_is_always_the_same(mean):
    files = make_release(mean())
    data = zip_release(files, "mean")

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        assert {name: archive.read(f"mean/{name}") for name in files} == files
    assert data == zip_release(files, "mean")
    assert json.loads(files["mean.ipynb"])["nbformat_minor"] == 5
