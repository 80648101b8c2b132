"""Read a downloaded CSV file and replace single fields, keeping every other byte unchanged."""

import re
from collections.abc import Mapping

import msgspec

_DELIMITERS = ",;\t"


class Field(msgspec.Struct, frozen=True):
    """A field and its position in the text."""

    start: int
    end: int
    value: str
    """Without CSV quotes, and without `="…"`, which keeps text from being read as a formula."""


class Sheet(msgspec.Struct, frozen=True):
    """The rows of a CSV file, the header first."""

    text: str
    rows: tuple[tuple[Field, ...], ...]

    @property
    def header(self) -> list[str]:
        """The names of the columns."""
        return [field.value.strip() for field in self.rows[0]]

    def value(self, row: int, column: int) -> str:
        """Return the content of a field, empty if the row is too short."""
        fields = self.rows[row]
        return fields[column].value.strip() if column < len(fields) else ""

    def replaced(self, values: Mapping[tuple[int, int], str]) -> str:
        """Return the text with the fields at these rows and columns replaced, in quotes where the value needs them."""
        pieces, at = [], 0
        for (row, column), value in sorted(values.items()):
            field = self.rows[row][column]
            pieces += [self.text[at : field.start], _quoted(value)]
            at = field.end
        return "".join([*pieces, self.text[at:]])


def read_sheet(text: str) -> Sheet:
    """Read CSV with any line endings. The delimiter is the commonest in the first line: comma, semicolon or tab."""
    first = text.split("\n", 1)[0]
    delimiter = max(_DELIMITERS, key=first.count)
    end = rf"{delimiter}|\r\n|\r|\n|\Z"
    field = re.compile(rf'(=?"[^"]*+(?:""[^"]*+)*"(?={end})|[^{delimiter}\r\n]*)({end})')
    rows: list[tuple[Field, ...]] = []
    row: list[Field] = []
    at = len(text) - len(text.removeprefix("\N{ZERO WIDTH NO-BREAK SPACE}"))
    while found := field.match(text, at):
        row.append(Field(found.start(1), found.end(1), _value(found[1])))
        at = found.end()
        if found[2] == delimiter:
            continue
        rows.append(tuple(row))
        row = []
        if at == len(text):
            break
    return Sheet(text, tuple(rows))


def number(value: float) -> str:
    """Return points with at most two decimals and no trailing zeros."""
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _quoted(value: str) -> str:
    return '"' + value.replace('"', '""') + '"' if re.search(r'[",;\t\r\n]', value) else value


def _value(raw: str) -> str:
    quoted = re.fullmatch(r'"(.*)"', raw, re.DOTALL)
    value = quoted[1].replace('""', '"') if quoted else raw
    formula = re.fullmatch(r'="(.*)"', value, re.DOTALL)
    return formula[1].replace('""', '"') if formula else value
