"""Audits show the author everything, in the terminal and as a page, and nothing in them is read as markup."""

import pytest
from rich.console import Console

from grader.reports.audit import audit_page, audit_text


def test_terminal_shows_the_closest_sample_per_threshold(an_audit):
    console = Console(width=200)
    with console.capture() as capture:
        console.print(audit_text(an_audit, "en"), soft_wrap=True)

    words = capture.get()
    assert "wine: 2 submissions, 3 mutants (1 declared equivalent), findings: 1" in words
    assert (
        "closest: variants/adam.py with 0.28 (required: ≤ 0.3), 2.0 standard deviations away"
        in words
    )
    assert "(required: ≥ 0.3)\n" in words
    assert "solution.py" not in words
    assert "no mutants caught" in words
    assert "no_loss:train:3: keeps all\n    +    <i>pass</i>" in words


@pytest.mark.parametrize(
    "language, told",
    [
        ("en", ["Audit of the checks", "For authors only", "keeps all", "declared equivalent: the same"]),
        ("ko", ["검사 점검", "출제자 전용", "만점", "기준값까지의 거리"]),
    ],
)  # fmt: skip
def test_page_shows_everything_in_one_language(an_audit, language, told):
    page = audit_page([an_audit], language)

    assert [each for each in told if each not in page] == []
    assert an_audit.title.in_(language) in page
    assert "mistakes/flat.py" in page
    assert (
        page.count('<span class="alarm">') == 3
    )  # accuracy, which catches no mutant; min_accuracy; the mutant
    assert "-0.02" in page


def test_nothing_in_the_page_is_markup_or_fetched(an_audit):
    page = audit_page([an_audit], "en")

    assert "<b>" not in page
    assert "<i>" not in page
    assert "default-src &#39;none&#39;" in page
