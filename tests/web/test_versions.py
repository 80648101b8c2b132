"""A new version of an assignment is examined, shows whose score would change, and goes live on confirmation."""

import html
import io
import re
import time
import zipfile

import pytest

from grader.authoring.push import catch_up, examine, pack, settings_zip
from grader.gradebook import Gradebook, desk, versions
from grader.gradebook.opening import transaction
from grader.model.assignment import load_assignments

RIGHT = b"def mean_squared_error(p, t):\n    return ((p - t) ** 2).mean()\n"
ROUGH = b"def mean_squared_error(p, t):\n    return ((p - t) ** 2).mean() + 0.001\n"


def text_of(page):
    return " ".join(html.unescape(re.sub(r"<[^>]+>", " ", page.text)).split())


def wait_until(condition):
    end = time.monotonic() + 240
    while not (found := condition()):
        assert time.monotonic() < end
        time.sleep(0.2)
    return found


def score(browser, key):
    found = re.search(r'class="score"><strong>([\d.]+)<', browser.get(f"/hand-ins/{key}").text)
    return found and float(found[1])


def examined(browser, page):
    return wait_until(
        lambda: (
            (now := browser.get(page.url.path)) and 'http-equiv="refresh"' not in now.text and now
        )
    )


def log(course):
    with transaction(course.site.book.reading) as connection:
        return [(each.account, each.action, each.after) for each in desk.events(connection)]


FORM = {"points.mean_squared_error": "100", "threshold.tolerance": "0.01", "counts": "latest"}
FORM |= {"show": "at_once", "attempts_per_day": ""}


@pytest.mark.sampled(2)
def test_a_threshold_is_previewed_and_changes_scores_only_when_confirmed(
    running, solutions, hand_in, wait_for_report
):
    kim, lee, prof = (running.browser(who) for who in ("kim", "lee", "prof"))
    keys = hand_in(kim, ROUGH, "tiny.py", "tiny"), hand_in(lee, RIGHT, "tiny.py", "tiny")
    for browser, key in zip((kim, lee), keys, strict=True):
        wait_for_report(browser, key)
    assert [score(kim, keys[0]), score(lee, keys[1])] == [100, 100]
    assert prof.post("/class/tiny/settings", data=FORM).status_code == 422, "nothing is different"

    page = prof.post("/class/tiny/settings", data=FORM | {"threshold.tolerance": "0.0001"})
    page = examined(prof, page)
    words = text_of(page)
    assert "changed scores: 1" in words
    assert "김철수 100 0" in words
    assert "the settings changed" in words
    assert score(kim, keys[0]) == 100

    prof.post(f"{page.url.path}/apply")
    wait_until(lambda: score(kim, keys[0]) == 0)
    wait_until(lambda: score(lee, keys[1]) == 100)
    assert "tolerance = 0.0001  # generous" in (solutions / "tiny/assignment.toml").read_text()
    assert any(who == "prof" and did == "went live" for who, did, _ in log(running))
    record = next(r for r in running.site.book.records_of("kim") if r.counts)
    assert record.how == "replayed", "nothing was asked that wasn't recorded"
    assert "the settings changed" in text_of(prof.get("/class/tiny/changes"))
    assert running.site.assignments["tiny"].thresholds == {"tolerance": 0.0001}


@pytest.mark.long
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_a_folder_with_findings_goes_live_only_with_a_reason(running, solutions, tmp_path):
    prof = running.browser("prof")
    checks = solutions / "tiny/test_tiny.py"
    lax = checks.read_text().replace(
        "expected = float(",
        "expected = number(student.mean_squared_error(predicted, target)) or float(",
    )
    changed = {"test_tiny.py": lax}
    page = prof.post("/versions", files={"file": ("tiny.zip", zipped(solutions / "tiny", changed))})
    page = examined(prof, page)
    assert "has findings" in text_of(page)
    assert "mistakes/sum_for_mean.py" in page.text
    assert prof.post(f"{page.url.path}/apply").status_code == 422
    assert "or float(" not in checks.read_text()
    prof.post(f"{page.url.path}/apply", data={"reason": "for the demonstration"})
    wait_until(lambda: "or float(" in checks.read_text())
    assert any("findings: for the demonstration" in after for _, _, after in log(running))


def zipped(folder, changed=None):
    data = io.BytesIO(pack(folder))
    packed = io.BytesIO()
    with zipfile.ZipFile(data) as old, zipfile.ZipFile(packed, "w") as new:
        for each in old.namelist():
            content = (changed or {}).get(each) or old.read(each)
            new.writestr(f"tiny/{each}", content)
    return packed.getvalue()


def archive(**files):
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as made:
        for name, content in files.items():
            made.writestr(name, content)
    return data.getvalue()


@pytest.mark.parametrize(
    "content, words",
    [
        (b"no zip", "the zip can't be read"),
        (archive(x="y"), "contains no assignment.toml"),
        (archive(**{"assignment.toml": "name = 1"}), "is invalid"),
        (archive(**{"assignment.toml": "name = 1", "../evil": "x"}), "outside its folder"),
        (archive(**{"assignment.toml": "name = 1", "/etc/evil": "x"}), ""),
    ],
)
def test_what_is_no_assignment_is_refused(shared, content, words):
    page = shared.browser("prof").post("/versions", files={"file": ("x.zip", content)})
    assert page.status_code == 422
    assert words in text_of(page)


@pytest.mark.long
@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_push_audits_a_folder_and_the_running_course_takes_it_over(
    running, solutions, tmp_path, command, hand_in, wait_for_report
):
    kim = running.browser("kim")
    key = hand_in(kim, ROUGH, "tiny.py", "tiny")
    wait_for_report(kim, key)
    draft = tmp_path / "draft"
    with zipfile.ZipFile(io.BytesIO(pack(solutions / "tiny"))) as packed:
        packed.extractall(draft)
    settings = draft / "assignment.toml"
    settings.write_text(settings.read_text().replace("0.01", "0.0001"))
    mistake = draft / "mistakes/rough.py"
    mistake.write_text("# Off by a thousandth.\n# loses: mean_squared_error\n" + ROUGH.decode())
    book = ["--gradebook", str(running.site.book.engine.url), "--solutions", solutions]
    done = command("push", draft, *book, "--author", "prof", "--force")
    assert done.returncode == 2
    done = command("push", draft, *book, "--author", "prof", "-o", tmp_path)
    assert done.returncode == 0, done.stderr
    assert "kim: 100 → 0" in done.stdout
    wait_until(lambda: score(kim, key) == 0)
    assert (solutions / "tiny/mistakes/rough.py").exists()
    mistake.write_text(mistake.read_text().replace("0.001", "0"))
    done = command("push", draft, *book)
    assert done.returncode == 1
    assert "mistakes/rough.py" in done.stderr
    assert "0.001" in (solutions / "tiny/mistakes/rough.py").read_text()


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
def test_what_went_live_while_nothing_was_served_is_there_at_the_next_start(
    solutions, url, tmp_path, grader
):
    with Gradebook(tmp_path, url, create=True) as book:
        known = load_assignments(solutions)
        text = (
            (solutions / "tiny/assignment.toml").read_text().replace("points = 100", "points = 9")
        )
        with transaction(book.engine) as connection:
            content = settings_zip(text)
            number = versions.propose(connection, "tiny", "settings", "x", "prof", content)
            claimed = versions.claim(connection, number)
        assert examine(grader, book, known, claimed).usable
        with transaction(book.engine) as connection:
            assert versions.apply(connection, number, "prof")
        assert catch_up(book, known)["tiny"].max_score == 9
        edited = solutions / "tiny/assignment.toml"
        edited.write_text(edited.read_text().replace("points = 9", "points = 8"))
        assert catch_up(book, known)["tiny"].max_score == 8, "an edit after that stays"
