"""`grader report` and `grader pack` as users type them, on a class graded by `grader batch`."""

import csv
import io
import json
import shlex
import shutil
import zipfile
from datetime import UTC, datetime
from pathlib import Path
from xml.etree import ElementTree

import pytest
from sqlalchemy import select, update

from grader.gradebook import Gradebook
from grader.gradebook.opening import transaction
from grader.gradebook.schema import HAND_IN, REPORT
from grader.model.record import TeamMember

ROOT = Path(__file__).parents[2]
SETTINGS = """\
name = "tiny"
title = { ko = "작은 과제", en = "A tiny one" }
functions = ["f"]
[[items]]
id = "f"
title = { ko = "함수", en = "Function" }
points = 4
"""
CHECKS = """\
import pytest
@pytest.mark.item("f")
def test_f(student):
    assert student.f() == 1
"""
CANVAS = "Student,ID,작은 과제 (7)\r\n    Points Possible,,4.0\r\n김철수,1,\r\n이영희,2,\r\n"


@pytest.fixture(scope="module")
def results(command, tmp_path_factory):
    folder = tmp_path_factory.mktemp("class")
    tiny = folder / "solutions" / "tiny"
    tiny.mkdir(parents=True)
    (tiny / "assignment.toml").write_text(SETTINGS, "utf-8")
    (tiny / "test_tiny.py").write_text(CHECKS, "utf-8")
    handed_in = folder / "in"
    handed_in.mkdir()
    (handed_in / "김철수_tiny.py").write_text("def f(): return 1\n")
    (handed_in / "박서연_tiny.py").write_text("def f(): return 2\n")
    solutions = folder / "solutions"
    done = command("batch", handed_in, "-o", folder / "results", "--solutions", solutions)
    assert done.returncode == 0, done.stderr
    return folder / "results"


def test_without_a_format_there_is_a_summary(command, results):
    done = command("report", results, "--lang", "en")

    assert done.returncode == 0
    assert "A tiny one" in done.stdout
    assert "passed 1, failed 1" in done.stdout


@pytest.mark.parametrize(
    "args, words",
    [
        (("--format", "csv", "--anonymous"), "pseudonyms are available in HTML reports only"),
        (("--format", "html", "-o", "FILE"), "can't write"),
    ],
)
def test_what_cannot_be_done_is_one_sentence(command, results, tmp_path, args, words):
    (tmp_path / "file").touch()
    args = [str(tmp_path / "file") if arg == "FILE" else arg for arg in args]

    done = command("report", results, *args, "--lang", "en")

    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


def test_csv_goes_into_a_file(command, results, tmp_path):
    done = command("report", results, "--format", "csv", "-o", tmp_path / "scores.csv")

    text = (tmp_path / "scores.csv").read_bytes().decode("utf-8-sig")
    scores = {row[0]: row[3] for row in csv.reader(io.StringIO(text, newline=""))}
    assert (done.returncode, done.stdout) == (0, "")
    assert (scores["김철수"], scores["박서연"]) == ("4", "0")


def test_json_is_printed_where_no_file_is_named(cold_command, results):
    done = cold_command("report", results, "--format", "json", "--student", "김철수")

    assert [each["final_score"] for each in json.loads(done.stdout)["hand_ins"]] == [4]


def test_junit(command, results):
    done = command("report", results, "--format", "junit", "--lang", "ko")

    assert len(ElementTree.fromstring(done.stdout.encode()).findall("testsuite/testcase")) == 2


def test_canvas_is_filled_and_the_unmatched_are_reported(command, results, tmp_path):
    template, upload = tmp_path / "Grades.csv", tmp_path / "upload.csv"
    template.write_bytes(CANVAS.encode())

    args = ["--format", "canvas", "--template", template, "-o", upload, "--lang", "ko"]
    done = command("report", results, *args)

    assert done.returncode == 3
    assert "박서연" in done.stderr
    assert "행이 없어" in done.stderr
    assert upload.read_bytes().decode() == CANVAS.replace("김철수,1,", "김철수,1,4")


def test_github_output_is_added_to(command, results, tmp_path):
    output = tmp_path / "output"
    output.write_text("other=1\n")

    args = ["--format", "github", "--student", "김철수", "-o", output]
    done = command("report", results, *args)

    assert done.returncode == 0
    assert "Points 4/4" in done.stdout
    first, second = output.read_text().splitlines()
    assert first == "other=1"
    assert second.startswith("result=")


@pytest.mark.parametrize(
    "args, words",
    [
        (["--format", "canvas"], "--template"),
        (["--format", "canvas", "--template", "nothing.csv"], "can't read nothing.csv"),
        (["--format", "canvas", "--template", "latin.csv"], "UTF-8"),
        (["--format", "csv", "-o", "no/folder.csv"], "can't write"),
        (["--assignment", "beer"], "available: tiny"),
        (["--student", "nobody"], "no student nobody"),
        (["--format", "gradescope"], "there are 2"),
    ],
)
def test_a_users_mistake_is_one_sentence_and_exit_code_2(command, results, tmp_path, args, words):
    (tmp_path / "latin.csv").write_bytes("Student,ID\nM\xfcller,1\n".encode("latin-1"))

    done = command("report", results, "--lang", "en", *args, cwd=tmp_path)

    assert done.returncode == 2
    assert words in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.slow
def test_pack_writes_the_archive(cold_command, tmp_path):
    path = tmp_path / "autograder.zip"
    solutions = ROOT / "solutions"
    done = cold_command("pack", "gradescope", "wine", "-o", path, "--solutions", solutions)

    assert done.returncode == 0
    assert "solutions/wine/assignment.toml" in zipfile.ZipFile(path).namelist()


def test_pack_takes_less_isolation_only_where_it_is_reported(command, tmp_path):
    args = ["pack", "gradescope", "wine", "--solutions", ROOT / "solutions", "--lang", "ko"]
    strict, open_ = tmp_path / "strict.zip", tmp_path / "open.zip"
    command(*args, "-o", strict)
    command(*args, "-o", open_, "--isolation", "reduced")

    scripts = [zipfile.ZipFile(path).read("run_autograder").decode() for path in (strict, open_)]
    assert [script.split()[-2:] for script in scripts] == [["full", "ko"], ["reduced", "ko"]]


def test_an_unknown_assignment_is_one_sentence_and_exit_code_2(command, tmp_path):
    args = ["--solutions", ROOT / "solutions", "-o", tmp_path / "x.zip", "--lang", "en"]
    done = command("pack", "gradescope", "beer", *args)

    assert done.returncode == 2
    assert "binary, multinomial, wine" in done.stderr
    assert not (tmp_path / "x.zip").exists()


@pytest.mark.parametrize("words", [["report"], ["pack"], ["pack", "gradescope"]])
def test_help_has_examples(command, words):
    done = command(*words, "--help")

    assert done.returncode == 0
    assert words == ["pack"] or "Example" in done.stdout


def test_similar_lists_pairs_and_writes_a_page(command, results):
    done = command("similar", results, "--lang", "en")

    assert done.returncode == 0, done.stderr
    assert "A tiny one: 0 similar pairs among 2 hand-ins" in " ".join(done.stdout.split())
    page = (results / "assistant" / "similar.html").read_text("utf-8")
    assert "No pair of hand-ins is this similar." in page


def test_exit_code_3_has_its_reasons_in_words(command, results, tmp_path):
    template = tmp_path / "Grades.csv"
    template.write_bytes(CANVAS.encode())

    args = ["--format", "canvas", "--template", template, "-o", tmp_path / "x.csv", "--lang", "en"]
    done = command("report", results, *args)

    assert done.returncode == 3
    assert "needs your attention: not written: 1 (listed above)" in done.stderr


def test_another_maximum_is_refused_unless_scaled(command, results, tmp_path):
    template, upload = tmp_path / "Grades.csv", tmp_path / "upload.csv"
    template.write_bytes(CANVAS.replace("4.0", "10").replace("이영희", "박서연").encode())
    args = ["--format", "canvas", "--template", template, "-o", upload, "--lang", "en"]

    refused = command("report", results, *args)
    scaled = command("report", results, *args, "--scale-to", "template")

    assert (refused.returncode, scaled.returncode) == (2, 0)
    assert "the platform's maximum is 10, but the scores' is 4" in refused.stderr
    assert "김철수,1,10" in upload.read_text("utf-8")


@pytest.mark.parametrize("words", ["ten", "0", "-5", "nan", "inf"])
def test_a_scale_is_a_number_of_points(command, results, words):
    done = command("report", results, "--format", "canvas", f"--scale-to={words}", "--lang", "en")

    assert done.returncode == 2
    assert "--scale-to takes `template` or a number" in done.stderr


def test_shared_pages_have_no_part_for_assistants_unless_asked(command, results, tmp_path):
    args = ("report", results, "--format", "html", "--anonymous", "-o")

    done = command(*args, tmp_path / "shared")
    command(*args, tmp_path / "whole", "--assistant")

    assert done.returncode == 0
    assert not (tmp_path / "shared" / "assistant").exists()
    assert (tmp_path / "whole" / "assistant").is_dir()
    index = (tmp_path / "shared" / "index.html").read_text("utf-8")
    assert "students/anon-" in index
    assert "assistant/" not in index


def test_a_team_and_who_is_excused_are_in_every_view(command, results, tmp_path):
    course = results.parent
    handed_in = tmp_path / "in"
    handed_in.mkdir()
    (handed_in / "kim_tiny.py").write_text("def f(): return 1\n")
    (tmp_path / "class.csv").write_text("id,name\nkim,김철수\nlee,이영희\npark,박서연\n")
    (tmp_path / "teams.csv").write_text("student,team\n김철수,A\n이영희,A\n")
    batch = ("batch", handed_in, "-o", tmp_path / "r", "--solutions", course / "solutions")
    lists = ("--roster", tmp_path / "class.csv", "--teams", tmp_path / "teams.csv")

    first = command(*batch, *lists, "--lang", "en")
    command("adjust", tmp_path / "r", "박서연", "tiny", "--excused", "--reason", "sick")
    again = command(*batch, *lists, "--lang", "en")
    exported = command("report", tmp_path / "r", "--format", "csv", "--lang", "en")

    assert (first.returncode, again.returncode) == (0, 0)
    shown = " ".join(again.stdout.split())
    assert "이영희 (lee) │ 4 / 4" in shown
    assert "박서연 (park) │ EX" in shown
    rows = list(csv.reader(io.StringIO(exported.stdout.lstrip("\ufeff"), newline="")))[1:]
    assert [(row[0], row[3], row[-1]) for row in rows] == [
        *(("kim", "4", ""), ("lee", "4", ""), ("park", "", "excused")),
    ]
    page = (tmp_path / "r" / "students" / "lee" / "tiny.html").read_text("utf-8")
    assert "<bdi>kim</bdi>" in page
    assert "excused" in (tmp_path / "r" / "index.html").read_text("utf-8")


@pytest.fixture
def own(results, tmp_path):
    """A copy of the results, to be changed."""
    return shutil.copytree(results, tmp_path / "own")


def test_adjust_shows_both_scores_and_brings_the_pages_up_to_date(command, own):
    page = own / "students" / "박서연" / "tiny.html"

    done = command("adjust", own, "박서연", "tiny", "9", "--reason", "oral exam", "--lang", "en")
    command("adjust", own, "박서연", "tiny", "--reason", "really", "-1.5", "--author", "prof")
    listed = command("adjust", own, "--list", "--lang", "en")
    full = command("adjust", own, "김철수", "tiny", "1", "--reason", "x", "--lang", "en")

    assert "score 0 → 4 (+9 were asked for" in done.stdout
    assert "Pages are up to date" in done.stdout
    assert "oral exam" in page.read_text("utf-8")
    assert "prof" in listed.stdout
    assert (full.returncode, "already has the maximum" in full.stderr) == (2, True)

    undone = command("adjust", own, "--undo", "1", "--lang", "en")

    assert undone.returncode == 0
    assert "oral exam" not in page.read_text("utf-8")
    assert "undone by" in " ".join(command("adjust", own, "--list", "--lang", "en").stdout.split())


def test_adjustments_of_a_file_are_made_all_or_none(command, own, tmp_path):
    file = tmp_path / "oral.csv"
    file.write_text("student,assignment,points,reason\n박서연,tiny,1.5,oral\n김철수,tiny,ex,sick\n")

    done = command("adjust", own, "--csv", file, "--lang", "en")
    file.write_text("student,assignment,points,reason\n박서연,tiny,1,oral\nnobody,tiny,1,x\n")
    wrong = command("adjust", own, "--csv", file, "--lang", "en")
    file.write_text("student,assignment,points,reason\n박서연,tiny,many,oral\n")
    number = command("adjust", own, "--csv", file, "--lang", "en")

    assert (done.returncode, wrong.returncode, number.returncode) == (0, 2, 2)
    assert "score 4 → excused" in done.stdout
    assert "called nobody" in wrong.stderr
    assert "line 2: many isn't a valid number" in number.stderr
    with Gradebook(own) as book:
        assert [each.adjustment.points for each in book.decisions()] == [1.5, 0]


@pytest.mark.parametrize(
    "args",
    [
        (),
        ("김철수",),
        ("김철수", "tiny"),
        ("김철수", "tiny", "5"),
        ("김철수", "tiny", "5", "--excused", "--reason", "x"),
        ("김철수", "tiny", "nan", "--reason", "x"),
        ("김철수", "--list"),
        ("--undo", "7"),
    ],
)
def test_an_unclear_adjustment_is_refused(command, results, args):
    done = command("adjust", results, *args)

    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr


def test_a_comment_is_on_the_page_until_it_is_withdrawn(command, own):
    page = own / "students" / "박서연" / "tiny.html"

    done = command("comment", own, "박서연", "tiny", "why **2**?", "--line", "1", "--lang", "en")
    shown = page.read_text("utf-8")
    listed = command("comment", own, "--list", "--lang", "en")
    command("comment", own, "--undo", "1")
    wrong = command("comment", own, "박서연", "tiny", "x", "--line", "9", "--lang", "en")

    assert "comment 1 for 박서연, tiny: why **2**?" in done.stdout
    assert "<strong>2</strong>" in shown
    assert "why **2**?" in listed.stdout
    assert "<strong>2</strong>" not in page.read_text("utf-8")
    assert (wrong.returncode, "has no 박서연_tiny.py, line 9" in wrong.stderr) == (2, True)


def test_compare_lists_what_changed_and_can_keep_the_best(command, own, results):
    course = results.parent
    batch = ("batch", course / "in", "-o", own, "--lang", "en", "--solutions")
    command(*batch, course / "solutions")
    same = command("compare", own, "--lang", "en")
    harder = shutil.copytree(course / "solutions", own.parent / "solutions")
    (harder / "tiny" / "test_tiny.py").write_text(CHECKS.replace("== 1", "== 2"))
    command(*batch, harder)

    done = command("compare", own, "--keep-best", "--lang", "en")
    again = command("compare", own, "--keep-best", "--lang", "en")

    assert "no score has changed" in same.stdout
    shown = " ".join(done.stdout.split())
    assert "4 → 0" in shown
    assert "the checks, the solution or the data changed" in shown
    assert "scores kept: 1" in done.stdout
    assert "scores kept: 0" in again.stdout
    with Gradebook(own) as book:
        scores = {who: r.score for (who, _), r in book.class_record().counting.items()}
    assert scores == {"김철수": 4, "박서연": 4}


def test_extract_writes_the_file_and_the_command_that_runs_its_checks(command, results, tmp_path):
    done = command("extract", results, "박서연", "tiny", "--lang", "en", cwd=tmp_path)
    taken = command("extract", results, "박서연", "tiny", "--lang", "en", cwd=tmp_path)
    none = command("extract", results, "박서연", "tiny", "--attempt", "2", "--lang", "en")

    file = tmp_path / "박서연_tiny.py"
    assert file.read_text() == "def f(): return 2\n"
    said, line = done.stdout.splitlines()
    assert said == "박서연_tiny.py: the file as handed in"
    words = shlex.split(line)
    assert words[0] == "pytest"
    assert (tmp_path / words[1] / "assignment.toml").is_file()
    assert words[2:] == ["--submission", file.name, "-k", "f"]
    assert (taken.returncode, none.returncode) == (2, 2)
    assert "no such hand-in for tiny; hand-ins: 1" in none.stderr


def test_one_student_or_only_what_is_ungraded_is_graded_again(command, own, results):
    course = results.parent
    batch = ("batch", course / "in", "-o", own, "--solutions", course / "solutions", "--lang", "en")

    one = command(*batch, "--rerun", "--student", "김철수")
    left = command(*batch, "--rerun", "--only", "ungraded")
    nobody = command(*batch, "--student", "nobody")

    assert "graded now: 1 " in one.stdout
    assert "박서연" in one.stdout
    assert "graded now: 0 " in left.stdout
    assert (nobody.returncode, "with this name handed in: nobody" in nobody.stderr) == (2, True)
    with Gradebook(own) as book:
        assert len(book.class_record().counting) == 2


def test_export_and_forget_take_a_student_out(command, own, tmp_path):
    archive = tmp_path / "park.zip"

    exported = command("export", own, "박서연", "-o", archive, "--lang", "en")
    forgotten = command("forget", own, "박서연", "--all", "--yes", "--lang", "en")
    listed = command("forget", own, "--list", "--lang", "en")
    unknown = command("forget", own, "박서연", "--yes", "--lang", "en")

    assert (exported.returncode, forgotten.returncode, unknown.returncode) == (0, 0, 2)
    with zipfile.ZipFile(archive) as opened:
        names = opened.namelist()
        kept = json.loads(opened.read("gradebook.json"))
    assert {"students/박서연/tiny.html", "assistant/박서연/tiny.html"} < set(names)
    assert [row["student"] for row in kept["hand_in"]] == ["박서연"]
    assert "hand-ins removed: 1" in forgotten.stdout
    assert "delete them too" in forgotten.stdout
    assert "hand-ins removed: 1" in listed.stdout
    assert "박서연" not in listed.stdout
    assert not (own / "students" / "박서연").exists()
    assert not (own / "assistant" / "박서연").exists()
    for path in own.rglob("*"):
        assert path.is_dir() or "박서연".encode() not in path.read_bytes()


def test_forget_asks_first(command, own):
    done = command("forget", own, "박서연", "--lang", "en")

    assert done.returncode == 1
    assert (own / "students" / "박서연").exists()


def test_a_team_mates_page_goes_with_the_hand_in(command, own):
    with Gradebook(own) as book:
        book.begin_run(["x"], {}, teams=[TeamMember(who, "A") for who in ("박서연", "lee")])
    command("report", own, "--format", "html")
    assert (own / "students" / "lee" / "tiny.html").exists()

    command("forget", own, "박서연", "--yes")

    assert not (own / "students" / "lee").exists()


def test_scores_stay_under_a_pseudonym(command, own):
    with Gradebook(own) as book:
        before = sorted(each.final_score for each in book.class_record().counting.values())
    (own / "links.csv").write_text(
        "id,link\n박서연,https://x\nlee,https://y\n", encoding="utf-8-sig"
    )

    done = command("forget", own, "박서연", "--yes", "--lang", "en")

    assert done.returncode == 0
    with Gradebook(own) as book:
        after = book.class_record().counting
    assert sorted(each.final_score for each in after.values()) == before
    assert "박서연" not in {student for student, _ in after}
    assert "박서연" not in (own / "links.csv").read_text(encoding="utf-8")
    assert command("report", own, "--format", "html").returncode == 0


def test_who_is_inactive_for_too_long_is_counted_then_forgotten(command, own):
    unset = command("forget", own, "--expired", "--yes", "--lang", "en")
    (own / "course.toml").write_text("[privacy]\nkeep_days = 1", encoding="utf-8")
    with Gradebook(own) as book, transaction(book.engine) as connection:
        connection.execute(update(REPORT).values(graded_at=datetime(2020, 1, 1, tzinfo=UTC)))
        count = len(set(connection.execute(select(HAND_IN.c.student)).scalars()))
    (own / "results").symlink_to(own)
    told = command("doctor", "--lang", "en", cwd=own)
    done = command("forget", own, "--expired", "--yes", "--all", "--lang", "en")

    assert (unset.returncode, "keep_days" in unset.stderr) == (2, True)
    assert f"{count} students have been inactive" in told.stdout
    assert done.returncode == 0
    with Gradebook(own) as book:
        assert book.class_record().records == ()


def test_a_backup_is_put_back(command, own, tmp_path):
    saved = command("backup", own, tmp_path / "b.zip", "--lang", "en")
    again = command("restore", tmp_path / "b.zip", own, "--lang", "en")
    restored = command("restore", tmp_path / "b.zip", tmp_path / "new", "--lang", "en")

    assert (saved.returncode, again.returncode, restored.returncode) == (0, 2, 0)
    assert "Move it away" in again.stderr
    with Gradebook(own) as one, Gradebook(tmp_path / "new") as other:
        assert one.class_record().records == other.class_record().records
