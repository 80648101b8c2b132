"""A downloaded CSV file is read like any CSV reader does, and only replaced cells change."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.reports.sheet import number, read_sheet


def values(text):
    return [[cell.value for cell in row] for row in read_sheet(text).rows]


@given(
    st.lists(st.lists(st.text('ab김 ",;=\n', max_size=6), min_size=2, max_size=2), min_size=1),
    st.sampled_from(["\n", "\r\n"]),
)
def test_cells_are_those_of_the_standard_library(rows, end):
    file = io.StringIO()
    csv.writer(file, lineterminator=end, quoting=csv.QUOTE_ALL).writerows([["a,", "b"], *rows])
    plain = [["a,", "b"], *rows]

    read = values(file.getvalue())

    assert [[_told(v) for v in row] for row in plain] == read


def _told(value):
    formula = value.startswith('="') and value.endswith('"') and len(value) > 2
    return value[2:-1].replace('""', '"') if formula else value


@given(st.text(st.sampled_from('ab,;\t"=\r\n\ufeff김')))
def test_nothing_changes_without_replacements(text):
    assert read_sheet(text).replaced({}) == text


@given(st.text(st.sampled_from('ab,"=\r\n')).filter(bool), st.data())
def test_only_the_replaced_cell_changes(text, data):
    sheet = read_sheet(text)
    row = data.draw(st.integers(0, len(sheet.rows) - 1))
    column = data.draw(st.integers(0, len(sheet.rows[row]) - 1))
    cell = sheet.rows[row][column]

    changed = sheet.replaced({(row, column): "7"})

    assert changed == text[: cell.start] + "7" + text[cell.end :]


@pytest.mark.parametrize(
    "text, rows",
    [
        ("a,b\n1,2\n", [["a", "b"], ["1", "2"]]),
        ("a;b\r\n1,5;2", [["a", "b"], ["1,5", "2"]]),
        ("a\tb\r1\t2\r", [["a", "b"], ["1", "2"]]),
        ('\ufeff"a",b\n', [["a", "b"]]),
        ('a,b\n="Kim, Minji",2\n', [["a", "b"], ["Kim, Minji", "2"]]),
        ('a,b\n"=""Kim, Minji""",2\n', [["a", "b"], ["Kim, Minji", "2"]]),
        ('a,b\n"two\nlines",\n', [["a", "b"], ["two\nlines", ""]]),
        ('a,b\n"open,2\n', [["a", "b"], ['"open', "2"]]),
    ],
)
def test_reading(text, rows):
    assert values(text) == rows


def test_a_hundred_thousand_open_quotes_are_read_at_once():
    assert len(read_sheet('a,b\n"x\n' + "y,z\n" * 100_000).rows) == 100_002


@pytest.mark.parametrize(
    "points, words",
    [
        (20.0, "20"),
        (2.5, "2.5"),
        (1234567.25, "1234567.25"),
        (0.0, "0"),
        (-3.0, "-3"),
        (100, "100"),
    ],
)
def test_numbers_are_whole_and_short(points, words):
    assert number(points) == words
