"""The pages show everything to the right reader, in one language, and students' text is never markup."""

import re
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import given

from grader.model.cause import Cause
from grader.model.late import LatePolicy
from grader.model.record import Adjustment, ClassRecord, Comment, RosterEntry
from grader.model.score import Curve, ItemResult, Place, Verdict
from grader.model.submission import Cell
from grader.model.text import Text, visible
from grader.reports.html import (
    anonymous,
    assistant_page,
    class_page,
    file_names,
    pseudonym,
    student_page,
    write_site,
)

KEY = b"the key of a test"
NOW = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
ELEMENTS = {
    *("html", "head", "meta", "title", "style", "body", "header", "main", "nav", "section", "article"),
    *("h1", "h2", "h3", "p", "a", "bdi", "span", "strong", "div", "time", "code"),
    *("table", "caption", "thead", "tbody", "tr", "th", "td", "figure", "figcaption", "details"),
    *("summary", "pre", "ul", "ol", "li", "label", "input", "select", "option", "script"),
    *("fieldset", "legend", "aside", "h4"),
    *("br", "svg", "g", "path", "text", "circle", "rect"),
}  # fmt: skip
EMPTY = {"meta", "input", "br"}


class Page(HTMLParser):
    """The elements and the text of a page, without the text of styles and scripts."""

    def __init__(self, page):
        super().__init__()
        self.elements = []
        self.words = []
        self._open = []
        self.feed(page)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in EMPTY:
            self._open.append(tag)

    def handle_startendtag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_endtag(self, tag):
        assert self._open.pop() == tag
        if tag in ("th", "td"):
            self.words.append(" ")

    def handle_data(self, data):
        if self._open and self._open[-1] not in ("style", "script"):
            self.words.append(data)

    @property
    def text(self):
        return "".join(self.words)

    def ids(self):
        return [attrs["id"] for _, attrs in self.elements if "id" in attrs]

    def links(self):
        return [attrs["href"] for tag, attrs in self.elements if tag == "a"]


@pytest.fixture(scope="module")
def wine(assignments):
    return assignments["wine"]


@pytest.fixture(scope="module")
def pages(hostile_class, wine):
    """Every kind of page in both languages, of a class with hostile students."""
    return [
        page
        for language in ("ko", "en")
        for page in (
            class_page(hostile_class, language),
            *(student_page(each, wine, language) for each in hostile_class.records),
            *(assistant_page(each, wine, language, "x.html") for each in hostile_class.records),
        )
    ]


# --- what nobody may see


def test_student_does_not_see_what_is_for_assistants(record, wine):
    page = student_page(record(words="SECRET"), wine, "en")

    assert "message: SECRET" in page
    assert "detail: SECRET" not in page
    assert "printed: SECRET" not in page
    assert "max_loss" not in page


def test_assistant_sees_everything(record, wine):
    page = assistant_page(record(words="SECRET"), wine, "en", "student.html")

    assert "message: SECRET" in page
    assert "detail: SECRET" in page
    assert "printed: SECRET" in page
    assert "max_loss 0.42 (≤ 0.3)" in page
    assert "student.html" in Page(page).links()


def test_thresholds_and_seeds_are_on_no_page(pages, wine):
    assert all(str(wine.hidden_seed) not in page for page in pages)


# --- nothing that a student wrote is markup


def test_pages_have_only_our_elements(pages):
    for page in pages:
        assert {tag for tag, _ in Page(page).elements} <= ELEMENTS


def test_pages_have_no_handlers_and_no_styles_within_elements(pages):
    for page in pages:
        names = {name for _, attrs in Page(page).elements for name in attrs}

        assert not [name for name in names if name.startswith("on") or name == "style"]


def test_pages_fetch_nothing(pages):
    for page in pages:
        for _, attrs in Page(page).elements:
            assert not {"src", "srcset", "action", "data"} & attrs.keys()
            assert not re.match(r"(?i)[a-z]+:|//", attrs.get("href", ""))


def test_pages_allow_only_their_own_style_and_script(pages):
    for page in pages:
        ((_, policy),) = (e for e in Page(page).elements if "http-equiv" in e[1])

        assert policy["content"].startswith("default-src 'none'; style-src 'sha256-")
        assert "unsafe" not in policy["content"]


def test_pages_hold_no_control_characters(pages):
    for page in pages:
        assert visible(page) == page


def test_hostile_names_are_shown_as_text(hostile_class):
    words = Page(class_page(hostile_class, "en")).text

    for each in hostile_class.records:
        assert visible(each.report.student) in words


def test_template_syntax_of_a_student_is_text(record, wine):
    words = Page(student_page(record("{{ 7 * 7 }}", words="{{ 7 * 7 }}"), wine, "en")).text

    assert words.count("{{ 7 * 7 }}") >= 3
    assert "49" not in words


def test_ids_are_unique(pages):
    for page in pages:
        ids = list(Page(page).ids())

        assert len(ids) == len(set(ids))


# --- the page of a hand-in


@pytest.mark.parametrize(
    "language, words",
    [
        ("ko", ("채점 항목별 결과", "오답", "힌트", "손실")),
        ("en", ("Rubric items", "failed", "Hint", "loss")),
    ],
)
def test_page_is_in_the_language_requested(record, wine, language, words):
    page = student_page(record(), wine, language)

    assert ("html", {"lang": language}) in Page(page).elements
    assert [word for word in words if word not in page] == []
    assert wine.title.in_(language) in page


def test_every_item_is_there_with_its_points_and_verdict(record, wine):
    verdicts = (Verdict.PASSED, Verdict.UNGRADED, Verdict.TIMEOUT, Verdict.NOT_IMPLEMENTED)

    words = " ".join(Page(student_page(record(verdicts=verdicts), wine, "en")).text.split())

    assert "Split of the data ✗ failed 0 / 15" in words
    assert "Shape of the model ✓ passed 10 / 10" in words
    assert "Convergence ? ungraded – / 25" in words
    assert "Accuracy ✗ timeout 0 / 20" in words
    assert "this score may change" in words


def test_earlier_hand_ins_are_listed_with_the_one_that_counts(hostile_class, tmp_path):
    index = write_site(hostile_class, tmp_path, "en")

    pages = {
        folder: tmp_path / folder / "eve" / "wine.html" for folder in ("students", "assistant")
    }
    words = {name: Page(path.read_text("utf-8")).text for name, path in pages.items()}
    students, assistants = (" ".join(each.split()) for each in words.values())
    assert "The last one counts" in students
    assert "eve_wine.ipynb 2026-03-02 18:30 (UTC+09:00) 0 " in students
    assert (
        "eve_wine.ipynb counts 2026-03-02 18:30 (UTC+09:00) 2026-03-02 18:30 (UTC+09:00) 85 "
        in students
    )
    assert "hw/<b>1</b> 2026-03-02 18:30 (UTC+09:00) 0 hw/2 counts" in assistants
    assert "2 hand-ins" in index.read_text("utf-8")
    assert "The last one counts" not in (tmp_path / "students/bob/wine.html").read_text("utf-8")


def test_hint_is_that_of_the_verdict(record, wine):
    words = Page(student_page(record(), wine, "en")).text

    assert wine.items[0].hints[Verdict.FAILED].en in words
    assert wine.items[1].hints[Verdict.FAILED].en not in words


def test_score_is_reported_with_its_parts(hostile_class, wine):
    cho, dan = (
        " ".join(Page(student_page(each, wine, "en")).text.split())
        for each in hostile_class.records
        if each.report.student in ("cho", "dan")
    )

    assert "Score 75 / 100" in cho
    assert "late by 2 days, −10" in cho
    assert "late penalty −10" in cho
    assert "partly from recorded answers" in cho
    assert "Score 88 / 100" in dan
    assert "Adjustment: <i>bonus</i> +5" in dan
    assert "Adjustment · Accuracy: style −2" in dan
    assert "prof" not in dan


def test_line_that_the_message_speaks_of_is_marked_and_linked(record, wine):
    page = student_page(record(words="here"), wine, "en")

    assert "#c2-3" in Page(page).links()
    assert "c2-3" in Page(page).ids()
    marked = re.findall(r'class="hll">.*\n', page)
    assert ["here" in each for each in marked] == [True, True]  # in the quotation and in the code


@pytest.mark.parametrize("place", [Place("cell 9", 1), Place("cell 2", 99), Place("cell 2", 2**40)])
def test_place_that_does_not_exist_is_not_linked(record, wine, place):
    made = record()
    lost = msgspec.structs.replace(made.report.items[0], place=place)
    report = msgspec.structs.replace(made.report, items=(lost, *made.report.items[1:]))

    page = student_page(msgspec.structs.replace(made, report=report), wine, "en")

    assert Page(page).links() == []
    assert 'class="hll"' not in page


def test_lines_of_code_keep_their_numbers(record, wine):
    cell = Cell("kim.py", "\n\n\tx = 1\r\ny = '''\n\n'''\n\n\n")

    page = Page(student_page(record(cells=(cell,)), wine, "en"))

    assert [name for name in page.ids() if name.startswith("c1-")] == [
        f"c1-{n}" for n in range(1, 9)
    ]
    assert "\tx = 1\n" in page.text


def test_a_huge_cell_is_shown(record, wine):
    source = ("x = 1" + " " * 50 + "\n") * 2_500

    page = student_page(record(cells=(Cell("kim.py", source),)), wine, "en")

    assert page.count("x = ") == 2_500
    assert '<span class="n">' not in page


@pytest.mark.parametrize("source", ["x = 1\n" * 3_000_000, "x = " + "1 + " * 5_000_000 + "1"])
def test_a_script_of_20_mb_is_shown_up_to_its_first_part(record, wine, source):
    (one,) = record(cells=(Cell("x.py", source),)).cells

    page = student_page(record(cells=(one, Cell("cell 2", "y = 2"))), wine, "en")

    assert len(page) < 4_000_000
    assert page.count("linenos") <= 3_000 + 10
    assert "Only the beginning is shown" in page


def test_comments_are_markdown_at_their_item_and_line_and_never_markup(record, wine):
    hostile = "see **this**\n\n<script>x</script> ![p](https://x.org/p.png) [a](javascript:x)"
    said = Comment(words=hostile, author="the assistant", made_at=NOW, item=wine.items[0].id)
    line = Comment(words="why?", author="ta", made_at=NOW, place=Place("x.py", 2), quote="y = 2")
    made = record(cells=(Cell("x.py", "x = 1\ny = 2"),), comments=(said, line))

    page = student_page(made, wine, "en")

    assert "<strong>this</strong>" in page
    assert "<script>x" not in page
    assert {"img", "javascript:x"} & {tag for tag, _ in Page(page).elements} == set()
    assert [a["href"] for tag, a in Page(page).elements if a.get("href") == "#c1-2"]
    assert "<code>y = 2</code>" in page
    assert page.count("hll") >= 1
    assert "the assistant" not in page
    assert "the assistant" in assistant_page(made, wine, "en", "x.html")


def test_curves_are_drawn_with_their_words(record, wine):
    page = Page(student_page(record(), wine, "en"))

    labels = [attrs["aria-label"] for tag, attrs in page.elements if tag == "svg"]
    assert labels == [
        "With the default settings, the training loss goes from 2 to 0.5.",
    ]
    assert "3 of 4 predictions are correct." in page.text
    assert "reference solution" in page.text


def test_classes_are_shown_as_a_confusion_matrix(record, wine):
    words = " ".join(Page(student_page(record(), wine, "en")).text.split())

    assert "true \\ predicted 0 1 0 2 0 1 1 1 3 of 4" in words


def test_what_was_wrong_comes_before_what_was_right(record, wine):
    made = record(verdicts=(*(Verdict.PASSED,) * 3, Verdict.FAILED))

    words = Page(student_page(made, wine, "en")).text

    titles = [item.title.en for item in wine.items]
    assert sorted(titles, key=words.index) == [titles[0], titles[4], *titles[1:4]]


def test_lines_that_the_message_speaks_of_are_quoted_below_it(record, wine):
    page = student_page(record(words="here"), wine, "en")

    (quoted,) = re.findall(r'<pre class="quoted">(.*?)</pre>', page, re.DOTALL)
    assert Page(
        quoted
    ).text == "   1\n   2\n   3y = &#39;&#39;&#39;here&#39;&#39;&#39;\n   4\n".replace("&#39;", "'")


@pytest.mark.parametrize(
    "cause, hint",
    [
        ("", "Call train_test_split with test_size=0.3 and the given random_state. Convert"),
        ("dtypes", "Make the tensors with dtype=torch.float32"),
        (Cause.GLOBALS, "Use the arguments of the function only"),
        (
            "nobody's",
            "Call train_test_split with test_size=0.3 and the given random_state. Convert",
        ),
    ],
)
def test_hint_is_that_of_the_cause_or_else_that_of_the_item(record, wine, cause, hint):
    made = record()
    lost = msgspec.structs.replace(made.report.items[0], cause=cause)
    report = msgspec.structs.replace(made.report, items=(lost, *made.report.items[1:]))

    words = Page(student_page(msgspec.structs.replace(made, report=report), wine, "en")).text

    assert words.count("Hint") == 1
    assert f"Hint {hint}" in words


def test_curve_is_drawn_with_the_loss_to_reach(record, wine):
    assert "loss to reach 0.3" in student_page(record(), wine, "en")


def test_due_date_is_shown_in_the_zone_of_the_course(record, wine):
    policy = LatePolicy(due=NOW, percent_per_day=10)
    due = msgspec.structs.replace(wine, late=policy)

    words = " ".join(Page(student_page(record(handed_in=NOW), due, "en")).text.split())

    assert "Due 2026-03-02 18:30 (UTC+09:00)" in words
    assert "in time" in words


def test_curve_without_a_reference_has_no_legend_for_one(record, wine):
    made = record()
    lost = msgspec.structs.replace(
        made.report.items[0], curves=(Curve(kind="loss", values=(1.0,)),)
    )
    report = msgspec.structs.replace(made.report, items=(lost,))

    page = student_page(msgspec.structs.replace(made, report=report), wine, "en")

    assert "your training" in page
    assert "reference solution" not in page


def test_name_of_the_roster_is_the_heading(record, wine):
    assert "<bdi>김하늘</bdi>" in student_page(record("s01"), wine, "ko", name="김하늘")


# --- the page of the class


def test_class_page_begins_with_the_summary_and_what_needs_a_person(hostile_class):
    words = " ".join(Page(class_page(hostile_class, "en")).text.split())

    top, rest = words.split("Search")
    assert "Nothing was handed in for: Logistic regression with one variable, Multinomial" in top
    assert "<u>hw</u>.py who is <u>this</u>?" in top
    assert "13 students 12 / 13 handed in 1 not handed in" in top
    assert "Needs a person: 2 students" in top
    assert "김하늘 · ungraded: Shape of the model" in top
    assert "bob · forbidden: Shape of the model" in top
    assert "cho 75 late by 2 days, −10" in rest


def test_reasons_are_grouped_with_the_students_behind_each(hostile_class):
    words = " ".join(Page(class_page(hostile_class, "en")).text.split())

    assert "5 students message: two lines김하늘, bob, cho, dan, eve" in words


def test_low_isolation_is_reported(record, wine):
    made = record("eve")
    report = msgspec.structs.replace(made.report, isolation="reduced")
    one = ClassRecord(assignments=(wine,), records=(msgspec.structs.replace(made, report=report),))

    assert "graded with isolation level reduced, not full" in class_page(one, "en")


def test_what_is_no_submission_is_reported(record, wine):
    made = record("eve")
    report = msgspec.structs.replace(made.report, gradable=False, isolation="none")
    one = ClassRecord(assignments=(wine,), records=(msgspec.structs.replace(made, report=report),))

    words = Page(class_page(one, "en")).text

    assert "message: two lines" in words
    assert "the isolation was" not in words


def test_students_without_a_hand_in_have_a_row(hostile_class):
    page = class_page(hostile_class, "en")

    assert "<b>Zoe</b>" in Page(page).text
    assert "– not handed in" in Page(page).text


def test_only_the_hand_in_that_counts_is_shown(record, wine):
    records = (record("kim", counts=False), record("kim", penalty=40))

    page = class_page(ClassRecord(assignments=(wine,), records=records), "en")

    assert 'data-value="45.0"' in page
    assert 'data-value="85.0"' not in page


def test_empty_class_has_a_page(wine):
    page = class_page(ClassRecord(assignments=(wine,), records=()), "ko")

    assert "아직 제출물이 없습니다" in page


# --- files


def test_site_has_two_pages_for_each_hand_in_and_one_for_the_class(hostile_class, tmp_path):
    index = write_site(hostile_class, tmp_path / "site", "en")

    files = [p for p in (tmp_path / "site").rglob("*") if p.is_file()]
    assert index == tmp_path / "site" / "index.html"
    assert len(files) == 1 + 2 * len(hostile_class.counting)
    assert {p.suffix for p in files} == {".html"}
    assert list(tmp_path.iterdir()) == [tmp_path / "site"]
    assert (tmp_path / "site" / "students" / "bob" / "wine.html").is_file()


def test_links_of_the_site_lead_to_its_pages(hostile_class, tmp_path):
    index = write_site(hostile_class, tmp_path, "en")
    found = set()

    for path in [index, *tmp_path.glob("assistant/*/*")]:
        for link in Page(path.read_text("utf-8")).links():
            if not link.startswith("#"):
                target = (path.parent / unquote(link)).resolve()
                assert target.is_file(), link
                found.add(target)

    assert found == {p.resolve() for p in tmp_path.rglob("*.html")}


def test_site_is_written_over_an_older_one(hostile_class, record, wine, tmp_path):
    write_site(hostile_class, tmp_path, "en")

    write_site(ClassRecord(assignments=(wine,), records=(record("bob"),)), tmp_path, "ko")

    assert "채점 항목별 결과" in (tmp_path / "students" / "bob" / "wine.html").read_text("utf-8")


@given(st.sets(st.text(max_size=200)))
def test_file_names_are_safe_and_no_others(names):
    found = file_names(names)

    assert found.keys() == names
    assert len({name.casefold() for name in found.values()}) == len(names)
    for name in found.values():
        assert re.fullmatch(r"[\w-]+", name)
        assert len(name.encode()) < 200
        assert Path(name).name == name


def test_ordinary_names_are_kept_as_file_names():
    assert file_names(["kim-1", "김하늘"]) == {"kim-1": "kim-1", "김하늘": "김하늘"}


def test_a_name_that_looks_like_anothers_file_name_gets_its_own():
    other = file_names(["a/b"])["a/b"]

    found = file_names(["a/b", other])

    assert len(set(found.values())) == 2


@pytest.mark.parametrize("name", ["", ".", "..", "/", "CON", "nul", "\x00"])
def test_names_that_no_file_can_have(name):
    assert re.fullmatch(r"_\w*-[0-9a-f]{8}", file_names([name])[name])


# --- pseudonyms


def test_pseudonyms_are_stable_under_one_key():
    assert pseudonym("kim", KEY) == pseudonym("kim", KEY)
    assert pseudonym("kim", KEY) != pseudonym("kim", b"another")
    assert pseudonym("kim", KEY) != pseudonym("lee", KEY)


def test_anonymous_site_names_nobody(record, wine, tmp_path):
    made = record("s20251234", words="s20251234 and 김하늘 wrote s20251234_wine.ipynb")
    whole = ClassRecord(
        assignments=(wine,), records=(made,), roster=(RosterEntry("s20251234", "김하늘", "k@x.kr"),)
    )

    write_site(whole, tmp_path, "en", KEY)

    paths = [p.relative_to(tmp_path) for p in tmp_path.rglob("*")]
    assert all("s20251234" not in str(path) for path in paths)
    for page in tmp_path.rglob("*.html"):
        words = page.read_text("utf-8")
        assert not [name for name in ("s20251234", "김하늘", "k@x.kr") if name in words]
        assert pseudonym("s20251234", KEY) in words


def test_reasons_of_adjustments_name_nobody(record, wine, tmp_path):
    given = Adjustment(points=-10, reason="copied from s20259999", author="prof", made_at=NOW)
    whole = ClassRecord(assignments=(wine,), records=(record("kim", adjustments=(given,)),))

    index = write_site(whole, tmp_path, "en", KEY)

    pages = [page.read_text("utf-8") for page in index.parent.rglob("*.html")]
    assert not [page for page in pages if "s20259999" in page or "prof" in page]
    assert any("−10" in page for page in pages)


def test_unmatched_files_are_counted_but_not_named(hostile_class):
    hidden = anonymous(hostile_class, KEY)

    assert len(hidden.unmatched) == 1
    assert "hw" not in hidden.unmatched[0].origin


def test_a_student_named_like_a_word_of_ours_breaks_nothing(record, wine):
    whole = ClassRecord(assignments=(wine,), records=(record("passed"),))

    page = class_page(anonymous(whole, KEY), "en")

    assert pseudonym("passed", KEY) in page


def test_an_item_that_the_settings_no_longer_have_is_still_shown(record, wine):
    made = record()
    old = ItemResult(
        id="old", title=Text(ko="옛", en="Old"), points=1, max_points=1,
        verdict=Verdict.PASSED, message=Text(ko="", en=""),
    )  # fmt: skip
    report = msgspec.structs.replace(made.report, items=(*made.report.items, old))
    changed = msgspec.structs.replace(made, report=report)

    assert "Old" in student_page(changed, wine, "en")
    assert class_page(ClassRecord(assignments=(wine,), records=(changed,)), "en")
