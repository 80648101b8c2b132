"""The page of similar hand-ins: what it marks, and that students' text stays text."""

from grader.gradebook.similarity import Match, Pair
from grader.model.submission import Cell
from grader.model.text import Text
from grader.reports.similar import Comparison, similar_page

CODE = "<script>alert(1)</script>\nshared = 1\nmine = 2"


def page(language, **pair):
    cells = (Cell(name="x.py", source=CODE),)
    comparison = Comparison(
        title=Text(ko="와인", en="Wine"),
        hand_ins={"kim": cells, "<b>lee": cells},
        pairs=[Pair(one="kim", other="<b>lee", **pair)],
    )
    return similar_page([comparison], language)


def test_common_lines_are_marked_on_both_sides():
    html = page("en", similarity=0.8, identical=False, matches=(Match((2, 2), (3, 3)),))

    assert html.count("<mark>shared = 1</mark>") == 1
    assert html.count("<mark>mine = 2</mark>") == 1
    assert "80%" in html
    assert "Similarity isn&#39;t proof of copying" in html


def test_identical_hand_ins_are_marked_whole():
    html = page("ko", similarity=1.0, identical=True)

    assert html.count("<mark>") == 6
    assert "동일" in html


def test_students_write_no_markup():
    html = page("en", similarity=0.8, identical=False)

    assert "<script>alert" not in html
    assert "<b>lee" not in html
