"""Files in every form that students hand in become cells; other files are reported."""

import ast
import codecs
import hashlib
import json
import re
import subprocess
import sys
import time
import unicodedata
from pathlib import Path

import hypothesis.strategies as st
import msgspec
import pytest
from hypothesis import assume, given

from grader.model.assignment import Limits
from grader.model.errors import UserError
from grader.model.magics import was_notebook
from grader.model.submission import (
    MAX_BYTES,
    SUFFIXES,
    Cell,
    Submission,
    match_assignment,
    parse_submission,
    place,
    read_submission,
)
from grader.model.text import Text
from grader.sandbox import open_sandbox

ROOT = Path(__file__).parents[2]
PYTHON = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}


def code(source, *tags):
    return {
        "cell_type": "code",
        "execution_count": None,
        "metadata": {"tags": list(tags)} if tags else {},
        "outputs": [],
        "source": source,
    }


def markdown(source, *tags):
    return {"cell_type": "markdown", "metadata": {"tags": list(tags)}, "source": source}


def notebook(*cells, metadata=PYTHON, minor=5):
    """The bytes of a notebook, plain strings being cells of code."""
    made = [cell if isinstance(cell, dict) else code(cell) for cell in cells]
    for number, cell in enumerate(made):
        if minor >= 5:
            cell["id"] = f"cell-{number}"
    return json.dumps(
        {"nbformat": 4, "nbformat_minor": minor, "metadata": metadata, "cells": made}
    ).encode()


def script(data):
    return parse_submission("x.py", data)


def parse(*cells, **more):
    return parse_submission("x.ipynb", notebook(*cells, **more))


def source_of(submission):
    assert submission.problem is None
    return "\n".join(cell.source for cell in submission.cells)


def notes(submission):
    """What was noted, each cell by its number alone."""
    return [unquoted(note.en) for note in submission.notes]


def names(submission):
    return [unquoted(cell.name) for cell in submission.cells]


def unquoted(words):
    return re.sub(r"^(cell \d+) \(`[^`]*`\)", r"\1", words)


def problem(submission):
    assert submission.cells == ()
    return submission.problem.en


# --- scripts, in every encoding


def test_script_is_one_cell_of_its_own_name():
    submission = parse_submission("kim_wine.py", b"x = 1\n")

    assert submission.cells == (Cell(name="kim_wine.py", source="x = 1\n"),)
    assert not submission.notebook
    assert submission.notes == ()


def test_digest_is_that_of_the_bytes():
    data = b"x = 1\r\n"

    assert script(data).sha256 == hashlib.sha256(data).hexdigest()


KOREAN = "# 학습률\nx = '손실'\n"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(KOREAN.encode(), id="utf-8"),
        pytest.param(KOREAN.encode("utf-8-sig"), id="utf-8 with BOM"),
        pytest.param(codecs.BOM_UTF16_LE + KOREAN.encode("utf-16-le"), id="utf-16-le"),
        pytest.param(codecs.BOM_UTF16_BE + KOREAN.encode("utf-16-be"), id="utf-16-be"),
        pytest.param(KOREAN.encode("cp949"), id="cp949"),
        pytest.param(KOREAN.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(KOREAN.replace("\n", "\r").encode(), id="CR"),
        pytest.param(KOREAN.replace("\n", "\r\n").encode("utf-8-sig"), id="BOM and CRLF"),
        pytest.param(KOREAN.replace("\n", "\r\n").encode("cp949"), id="cp949 and CRLF"),
    ],
)
def test_script_in_every_usual_encoding(data):
    assert source_of(script(data)) == KOREAN


@pytest.mark.parametrize("name", ["cp949", "euc-kr", "johab", "utf-8", "latin-1", "shift_jis"])
def test_coding_line_is_obeyed(name):
    text = f"# -*- coding: {name} -*-\nx = '{'é' if name == 'latin-1' else '字'}'\n"

    assert source_of(script(text.encode(name))) == text


def test_coding_line_after_an_interpreter_line():
    text = "#!/usr/bin/env python3\n# vim: set fileencoding=johab :\nx = '손실'\n"

    assert source_of(script(text.encode("johab"))) == text


def test_coding_line_that_reads_otherwise_is_obeyed_as_in_python():
    text = "# coding: latin-1\n" + KOREAN

    assert source_of(script(text.encode())) == text.encode().decode("latin-1")


@pytest.mark.parametrize(
    "data",
    [
        *(
            f"# coding: {name}\n{KOREAN}".encode()
            for name in ("klingon", "undefined", "hex", "rot13")
        ),
        f"# coding: ascii\n{KOREAN}".encode(),
        f"# coding: utf-8\n{KOREAN}".encode("cp949"),
        codecs.BOM_UTF8 + f"#!x\n# coding: cp949\n{KOREAN}".encode(),
    ],
)
def test_coding_line_that_python_refuses_is_told(data, tmp_path):
    with pytest.raises((SyntaxError, UnicodeError)):
        compile(data, "x.py", "exec")  # the reason for the rule

    assert problem(script(data)).startswith("Python can't read the file in the encoding")


def test_code_hidden_in_an_encoding_is_shown_as_it_is_graded():
    text = "# coding: utf-7\nx = 1\n"

    assert source_of(script(text.encode() + b"+AHkAIAA9ACAAMg-\n")) == text + "y = 2\n"


def test_notebook_with_a_byte_order_mark():
    data = codecs.BOM_UTF8 + notebook("x = '손실'")

    assert source_of(parse_submission("x.ipynb", data)) == "x = '손실'\n"


def test_notebook_in_cp949():
    data = json.dumps(json.loads(notebook("x = '손실'")), ensure_ascii=False).encode("cp949")

    assert source_of(parse_submission("x.ipynb", data)) == "x = '손실'\n"


# Lines that begin with ! or % would be taken for those of a notebook that was saved as a script.
LINES = st.text(st.characters(codec="utf-8", exclude_characters="\0\ufeff!%"), min_size=1)


def unix(text):
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(LINES.filter(str.strip), st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]))
def test_any_text_is_read_back(text, encoding):
    assume(not was_notebook(text))
    assert source_of(script(text.encode(encoding))) == unix(text)


@given(st.text(st.characters(codec="cp949", exclude_characters="\0!%?")).filter(str.strip))
def test_any_text_in_cp949_is_read_back(text):
    assume(not was_notebook(text))
    data = text.encode("cp949")
    try:
        assume(data.decode() == text)  # bytes that are both are UTF-8
    except UnicodeDecodeError:
        assert source_of(script(data)) == unix(text)


# --- what is no submission


@pytest.mark.parametrize("data", [b"", b"\n\n", b" \t\r\n", codecs.BOM_UTF8, codecs.BOM_UTF16_LE])
def test_empty_script_holds_no_code(data):
    assert problem(script(data)) == "the file contains no code"


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", id="a picture"),
        pytest.param(b"PK\x03\x04\x14\0\0\0\x08\0", id="an archive"),
        pytest.param(b"x = 1\0\n", id="a NUL"),
        pytest.param("x = 1\n".encode("utf-16-le"), id="utf-16 without BOM"),
        pytest.param(b"\xff\xff\xff\xff", id="no text"),
        pytest.param(codecs.BOM_UTF8 + b"x = '\xff'", id="a BOM before no UTF-8"),
        pytest.param(codecs.BOM_UTF16_LE + b"x", id="half a character"),
    ],
)
@pytest.mark.parametrize("name", ["x.py", "x.ipynb"])
def test_binary_is_no_submission(name, data):
    assert problem(parse_submission(name, data)) == "the file isn't UTF-8 or CP949 text"


@pytest.mark.parametrize("name, words", [("x.py", ""), ("x.ipynb", " without its outputs")])
def test_too_large_a_file_is_no_submission(name, words):
    found = parse_submission(name, b"#" * (MAX_BYTES + 1))

    assert problem(found) == f"the file is larger than 20 MB{words}"


@pytest.mark.long
def test_file_of_the_largest_size_is_read():
    assert script(b"#" * MAX_BYTES).problem is None


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(notebook("x = 1")[:-20], id="truncated"),
        pytest.param(b"x = 1\n", id="a script"),
        pytest.param(b"<html>404</html>", id="a web page"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b"{}", id="an empty object"),
        pytest.param(b"null", id="null"),
        pytest.param(b"3", id="a number"),
        pytest.param(b"1" * 5000, id="a large number"),
        pytest.param(b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}}', id="no cells"),
        pytest.param(b'{"nbformat": 99, "metadata": {}, "cells": []}', id="another format"),
        pytest.param(
            b'{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [3]}', id="no cell"
        ),
    ],
)
def test_broken_notebook_is_no_submission(data):
    said = problem(parse_submission("x.ipynb", data))

    assert said == "the file isn't a readable notebook; the upload may have been cut off"


@pytest.mark.parametrize("opening", [b"[", b'{"cells":[', b'{"metadata":{"a":'])
def test_deeply_nested_notebook_is_no_submission(opening):
    said = problem(parse_submission("x.ipynb", opening * 50_000))

    assert said == "the notebook is nested too deeply"


@pytest.mark.parametrize(
    "cells", [(), (markdown("# 제목"),), ("", " \n"), (code("x = 1", "demo"),)]
)
def test_notebook_without_code_is_no_submission(cells):
    assert problem(parse(*cells)) == "the file contains no code"


@pytest.mark.parametrize(
    "metadata",
    [
        {"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}},
        {"language_info": {"name": "R"}},
    ],
)
def test_notebook_in_another_language_is_no_submission(metadata):
    said = problem(parse("x <- 1", metadata=metadata))

    assert said == "the notebook is written in R, not in Python"


@pytest.mark.parametrize("language", ["R\x1b[2J", "R\ud83d", "R" * 10_000, "R\nR"])
def test_name_of_another_language_can_be_printed(language):
    submission = parse("x <- 1", metadata={"language_info": {"name": language}})

    check_whole(submission)
    assert problem(submission).isprintable()
    assert len(problem(submission)) < 500


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        {"language_info": {"name": "python", "version": "3.11.2"}},
        {"kernelspec": {"language": "Python"}},
        {"kernelspec": None, "language_info": None},
    ],
)
def test_notebook_that_says_python_or_nothing_is_python(metadata):
    assert source_of(parse("x = 1", metadata=metadata)) == "x = 1\n"


@pytest.mark.parametrize(
    "source, quoted",
    [
        (
            "\n\n    \ndef train(model, x, y, epochs=100):\n    pass",
            "def train(model, x, y, epochs=…",
        ),
        ("# 학습\nx = 1", "# 학습"),
        ("x = '`\x1b'", "x = '`\N{REPLACEMENT CHARACTER}'"),
    ],
)
def test_a_cell_is_named_by_its_first_line_too(source, quoted):
    submission = parse(markdown("# 제목"), source)

    (cell,) = submission.cells
    assert cell.name == f"cell 2 (`{quoted}`)"
    assert place(cell.name, 3) == Text(
        ko=f"2번째 셀 (`{quoted}`), 3번째 줄", en=f"cell 2 (`{quoted}`), line 3"
    )


def test_problem_is_reported_in_korean_too():
    assert "MB" in script(b"#" * (MAX_BYTES + 1)).problem.ko


# --- notebooks of every version


def test_cells_are_counted_from_1_over_all_cells():
    submission = parse(markdown("# 제목"), "x = 1", markdown("그리고"), "", "y = 2")

    assert submission.cells == (
        Cell("cell 2 (`x = 1`)", "x = 1\n"),
        Cell("cell 5 (`y = 2`)", "y = 2\n"),
    )
    assert submission.notebook


def test_source_as_a_list_of_lines():
    submission = parse(code(["def f():\n", "    return 1\n", "\n", "x = f()"]))

    assert source_of(submission) == "def f():\n    return 1\n\nx = f()\n"


def test_notebook_of_format_3():
    data = {
        "nbformat": 3,
        "nbformat_minor": 0,
        "metadata": {"name": ""},
        "worksheets": [
            {
                "metadata": {},
                "cells": [
                    {"cell_type": "heading", "level": 1, "metadata": {}, "source": ["제목"]},
                    {
                        "cell_type": "code",
                        "collapsed": False,
                        "input": ["x = 1\n", "%matplotlib inline"],
                        "language": "python",
                        "metadata": {},
                        "outputs": [],
                        "prompt_number": 1,
                    },
                ],
            }
        ],
    }

    submission = parse_submission("x.ipynb", json.dumps(data).encode())

    assert names(submission) == ["cell 2"]
    assert source_of(submission).startswith("x = 1\n")
    assert notes(submission) == ["cell 2, line 2: `%matplotlib inline` was skipped"]


@pytest.mark.parametrize("minor", [0, 2, 4, 5])
def test_notebook_of_each_minor_format_4(minor):
    assert source_of(parse("x = 1", minor=minor)) == "x = 1\n"


def test_missing_cell_ids_cost_nothing():
    data = notebook("x = 1", "y = 2", minor=4).replace(
        b'"nbformat_minor": 4', b'"nbformat_minor": 5'
    )

    submission = parse_submission("x.ipynb", data)

    assert len(submission.cells) == 2
    assert notes(submission) == []


def test_cell_ids_that_occur_twice_cost_nothing():
    data = notebook("x = 1", "y = 2").replace(b"cell-1", b"cell-0")

    assert len(parse_submission("x.ipynb", data).cells) == 2


def test_outputs_are_not_read():
    plot = {"output_type": "display_data", "data": {"image/png": "iVBORw0KGgo="}, "metadata": {}}

    assert source_of(parse({**code("x = 1"), "outputs": [plot]})) == "x = 1\n"


def test_cells_of_an_unknown_kind_are_no_code():
    raw = {"cell_type": "raw", "metadata": {}, "source": "x = 2"}

    assert source_of(parse(raw, "x = 1")) == "x = 1\n"


# --- demonstrations


def test_cell_tagged_demo_is_not_run_and_noted():
    submission = parse("x = 1", code("input()", "demo"), "y = 2")

    assert names(submission) == ["cell 1", "cell 3"]
    assert notes(submission) == ["cell 2: demonstration code was not run"]


def test_demo_may_be_one_of_many_tags():
    assert names(parse("x = 1", code("y = 2", "hide", "demo"))) == ["cell 1"]


@pytest.mark.parametrize("tag", ["Demonstration", "demo2", "solution", ""])
def test_cell_with_another_tag_is_run(tag):
    assert names(parse(code("x = 1", tag))) == ["cell 1"]


def test_text_tagged_demo_is_not_noted():
    assert notes(parse("x = 1", markdown("보기", "demo"))) == []


# --- magics and shell lines

LINE_MAGICS = [
    "%matplotlib inline",
    "%load_ext autoreload",
    "%autoreload 2",
    "%env A=1",
    "%pip install torch",
    "% pip install torch",
    "%cd /tmp",
    "%timeit f(1)",
    "%config InlineBackend.figure_format = 'retina'",
    "!pip install torch",
    "! pip install -q torch",
    "!!ls",
    "!ls {folder} $HOME",
    "x = !ls",
    "x = %pwd",
    "x, y = %sx ls",
    "obj?",
    "obj??",
    "?obj",
    "??obj",
    "torch.nn.Linear?",
    "torch.*ones*?",
]


def line_of(marker, submission):
    """The line of a cell on which a name stands, after checking that Python can read all of it."""
    lines = [
        node.lineno
        for cell in submission.cells
        for node in ast.walk(ast.parse(cell.source))
        if isinstance(node, ast.Name) and node.id == marker
    ]
    assert len(lines) == 1
    return lines[0]


@pytest.mark.parametrize("magic", LINE_MAGICS)
def test_line_magic_is_skipped_and_noted_and_lines_keep_their_numbers(magic):
    submission = parse(f"before = 1\n\n{magic}\n\nmarker")

    assert line_of("marker", submission) == 5
    assert notes(submission) == [f"cell 1, line 3: `{magic}` was skipped"]


@pytest.mark.parametrize("magic", LINE_MAGICS)
def test_block_that_holds_only_a_magic_is_still_a_block(magic):
    submission = parse(f"if COLAB:\n    {magic}\nmarker")

    assert line_of("marker", submission) == 3
    assert notes(submission) == [f"cell 1, line 2: `{magic}` was skipped"]


@pytest.mark.parametrize(
    "magic",
    [
        "!pip install torch \\\n    numpy",
        "!pip install torch \\\n    numpy \\\n    pandas",
        "!pip install \\\n  a \\\n  b \\\n  c \\\n  d",
        "x = !ls \\\n  -l",
        "x = %env \\\n  HOME",
        "%env A=1 \\\n  2",
    ],
)
def test_magic_on_several_lines_keeps_the_numbers_of_those_below(magic):
    submission = parse(f"before = 1\n{magic}\nmarker")

    assert line_of("marker", submission) == 3 + magic.count("\n")
    assert len(submission.notes) == 1
    assert notes(submission)[0].startswith("cell 1, line 2: `")


@pytest.mark.parametrize("above", ["\n\n", "   \n", " \n\t\n\n"])
@pytest.mark.parametrize("magic", ["!ls", "%matplotlib inline", "%%time"])
def test_empty_lines_above_a_magic_are_counted(above, magic):
    submission = parse(f"{above}{magic}\nmarker")

    line = above.count("\n") + 1
    assert notes(submission) == [f"cell 1, line {line}: `{magic}` was skipped"]
    assert line_of("marker", submission) == line + 1


@pytest.mark.parametrize(
    "magic",
    ["%%bash", "%%writefile model.py", "%%html", "%%javascript", "%%sh", "%%latex", "%%R", "%%!"],
)
def test_cell_of_another_language_is_skipped_and_noted(magic):
    submission = parse(f"{magic}\nthis is no (Python", "marker")

    assert line_of("marker", submission) == 1
    assert notes(submission) == [f"cell 1, line 1: `{magic.split()[0]}` was skipped"]


@pytest.mark.parametrize(
    "magic", ["%%time", "%%capture", "%%capture out", "%%timeit -n 1", "%%time  # how long?"]
)
def test_code_below_a_cell_magic_that_runs_it_is_kept(magic):
    submission = parse(f"{magic}\n!ls\nmarker")

    assert line_of("marker", submission) == 3
    assert notes(submission) == [
        f"cell 1, line 1: `{magic.split()[0]}` was skipped",
        "cell 1, line 2: `!ls` was skipped",
    ]


@pytest.mark.parametrize("first, second", [("%%capture", "%%time"), ("%%time", "%%capture out")])
def test_code_below_two_cell_magics_is_kept(first, second):
    submission = parse(f"{first}\n{second}\nmarker")

    assert line_of("marker", submission) == 3
    assert notes(submission) == [
        f"cell 1, line 1: `{first}` was skipped",
        f"cell 1, line 2: `{second.split()[0]}` was skipped",
    ]


def test_cell_of_another_language_below_a_cell_magic_is_skipped():
    submission = parse("%%capture\n%%bash\nthis is no (Python", "marker")

    assert line_of("marker", submission) == 1


def test_cell_magic_that_is_not_on_top_costs_nothing():
    assert line_of("marker", parse("# 시간\n%%time\nmarker")) == 3


@pytest.mark.parametrize("cell", ["%%time", "%%time\n\n", "%%capture"])
def test_cell_magic_above_nothing_costs_nothing(cell):
    assert line_of("marker", parse(cell, "marker")) == 1


def test_cell_with_windows_line_ends():
    submission = parse("%%time\r\nx = 1\r\n!ls\r\nmarker\r\n")

    assert line_of("marker", submission) == 4


@pytest.mark.parametrize(
    "source",
    [
        's = """\n!ls\n%matplotlib inline\nx?\n"""\n',
        "a = (7\n    % 3)\n",
        "a = 7 \\\n    % 3 \\\n    + 1 \\\n    + 2\n",
        's = """\n% done \\\n so far\n"""\n',
        "# !pip install torch\nx = 1\n",
        "x = '100%'\ny = 5 % 2\n",
        "assert 1 != 2\n",
    ],
)
def test_what_only_looks_like_a_magic_is_left_alone(source):
    submission = parse(source)

    assert ast.dump(ast.parse(source)) == ast.dump(ast.parse(source_of(submission)))
    assert notes(submission) == []


def test_cell_that_python_cannot_parse_is_kept_for_the_sandbox_to_tell():
    submission = parse("x = (", "y = 1")

    assert [cell.source.strip() for cell in submission.cells] == ["x = (", "y = 1"]


def test_long_magic_is_noted_shortly():
    (note,) = notes(parse("!pip install " + "torch " * 1000 + "\nx = 1"))

    assert len(note) < 120


def test_notes_are_limited():
    assert len(parse(*["!ls\nx = 1"] * 1000).notes) < 100


def test_more_magics_than_anybody_writes_stop_nobody_else():
    start = time.process_time()

    submission = parse("!ls\n" * 600, "x = 1")

    assert names(submission) == ["cell 1", "cell 2"]
    assert time.process_time() - start < 4


@pytest.mark.parametrize("magic", ["!echo \x1b[2J", "!echo \u202e", "%\x07cd"])
def test_notes_can_be_printed(magic):
    (note,) = notes(parse(f"{magic}\nx = 1"))

    assert note.isprintable()


# --- what the sandbox makes of notebooks


@pytest.fixture
def load(sandbox_server):
    """Load a notebook, and return the values of names and what loading raised."""

    def run(*cells, names=()):
        getter = "def value(name):\n    return globals()[name]"
        limits = Limits(cpu_seconds=30)
        with open_sandbox(sandbox_server.control, parse(*cells, getter), limits) as sandbox:
            student = sandbox.student()
            try:
                return [student.value(name) for name in names], [
                    unquoted(n.en) for n in sandbox.notes
                ]
            finally:
                student.close()

    return run


@pytest.mark.parametrize(
    "cell",
    [
        "%%time\nx = 7",
        "%%capture\nx = 7",
        "%%capture out\n%%time\nx = 7",
        "%time x = 7",
        "x = %time 3 + 4",
        "for x in (6, 7):\n    %time print(x)",
        "!pip install torch \\\n    numpy \\\n    pandas\nx = 7",
        "import torch\ntorch.ones?\nx = 7",
        "files = !ls\nx = 7 + len(files)",
        "if True:\n    %matplotlib inline\nx = 7",
    ],
)
def test_code_around_magics_runs(load, cell):
    assert load(cell, names=["x"]) == ([7], [])


@pytest.mark.parametrize(
    "cell, line",
    [
        ("!pip install torch \\\n    numpy \\\n    pandas\n1 / 0", 4),
        ("x = !ls \\\n    -l\n1 / 0", 3),
        ("%%time\n\n1 / 0", 3),
        ("%%capture\n%%time\n1 / 0", 3),
        ("   \n\n%matplotlib inline\n1 / 0", 4),
        ("\n\n1 / 0", 3),
    ],
)
def test_errors_tell_the_line_of_the_notebook(load, cell, line):
    assert load(markdown("# 제목"), cell) == (
        [],
        [f"cell 2, line {line}: ZeroDivisionError: division by zero"],
    )


def test_future_import_holds_for_later_cells(load):
    later = "def f(x: undefined): ...\nx = f.__annotations__['x']"

    assert load("%%capture\nfrom __future__ import annotations", later, names=["x"]) == (
        ["undefined"],
        [],
    )


# --- reading files


def test_file_is_read(tmp_path):
    path = tmp_path / "kim_wine.py"
    path.write_bytes(b"x = 1\n")

    assert read_submission(path) == parse_submission("kim_wine.py", b"x = 1\n")


@pytest.mark.parametrize("name", ["X.PY", "X.IPYNB"])
def test_suffix_may_be_written_large(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(b"x = 1\n" if name == "X.PY" else notebook("x = 1"))

    assert source_of(read_submission(path)) == "x = 1\n"


def test_nothing_is_run(tmp_path):
    path, trace = tmp_path / "x.py", tmp_path / "trace"
    path.write_text(f"open({str(trace)!r}, 'w')\nraise SystemExit\n")

    assert read_submission(path).problem is None
    assert not trace.exists()


def test_too_large_a_file_is_not_read_whole(tmp_path):
    path = tmp_path / "x.py"
    with path.open("wb") as file:
        file.truncate(2**40)  # a hole: no machine could read it

    assert problem(read_submission(path)) == "the file is larger than 20 MB"


@pytest.mark.parametrize(
    "name, complaint",
    [
        ("missing.py", "isn't a file"),
        ("folder.py", "isn't a file"),
        ("dangling.py", "isn't a file"),
        ("notes.txt", "notes.txt is neither a script (.py) nor a notebook (.ipynb)"),
        ("no_suffix", "is neither a script (.py) nor a notebook (.ipynb)"),
        ("x" * 300 + ".py", "File name too long"),
    ],
)
def test_what_cannot_be_read_is_reported(tmp_path, name, complaint):
    (tmp_path / "folder.py").mkdir()
    (tmp_path / "dangling.py").symlink_to(tmp_path / "nowhere")
    (tmp_path / "notes.txt").touch()

    with pytest.raises(UserError) as caught:
        read_submission(tmp_path / name)

    assert complaint in str(caught.value)


# --- which assignment a submission is for


@pytest.mark.parametrize(
    "file, name",
    [
        ("kim_wine.ipynb", "wine"),
        ("KIM_WINE.IPYNB", "wine"),
        ("binary-kim.py", "binary"),
        ("multinomial.py", "multinomial"),
        ("김철수_와인.py", "wine"),
        ("김철수 이진.py", "binary"),
        (unicodedata.normalize("NFD", "김철수_다항.py"), "multinomial"),
        ("hw3(wine).py", "wine"),
        ("wine2.py", "wine"),
    ],
)
def test_assignment_by_the_name_of_the_file(assignments, file, name):
    submission = parse_submission(file, b"x = 1\n")

    assert match_assignment(submission, assignments).name == name


def test_name_beats_functions(assignments, submit):
    functions = "".join(f"def {f}(): ...\n" for f in assignments["wine"].functions)

    assert match_assignment(submit(functions, "binary.py"), assignments).name == "binary"


def test_functions_decide_between_two_names(assignments, submit):
    functions = "".join(f"def {f}(): ...\n" for f in assignments["wine"].functions)

    assert match_assignment(submit(functions, "binary_wine.py"), assignments).name == "wine"


@pytest.mark.parametrize("name", ["binary", "multinomial", "wine"])
def test_assignment_by_the_functions(assignments, submit, name):
    functions = "".join(f"def {f}(): ...\n" for f in assignments[name].functions)

    assert match_assignment(submit(functions), assignments).name == name


def test_functions_may_be_written_in_other_ways(assignments, submit):
    source = "load_data = lambda: 1\nasync def predict_test_0(): ...\n"

    assert match_assignment(submit(source), assignments).name == "wine"


@pytest.mark.parametrize("source", ["x = 1\n", "def helper(): ...\n", "# def load_data(): ...\n"])
def test_nothing_tells_the_assignment(assignments, submit, source):
    assert match_assignment(submit(source), assignments) is None


def test_most_functions_decide(assignments, submit):
    source = (
        "def sigmoid(): ...\ndef weighted_sum(): ...\ndef bce_loss(): ...\ndef load_data(): ...\n"
    )

    assert match_assignment(submit(source), assignments).name == "binary"


def test_functions_of_two_assignments_alike_tell_nothing(assignments, submit):
    twins = {
        name: msgspec.structs.replace(assignments["wine"], name=name, aliases=())
        for name in ("first", "second")
    }

    assert match_assignment(submit("def load_data(): ...\n"), twins) is None


def test_name_of_an_assignment_may_be_written_large(assignments, submit):
    homework = msgspec.structs.replace(assignments["wine"], name="HW3", aliases=("Weine",))

    assert match_assignment(submit("x = 1\n", "kim_hw3.py"), {"HW3": homework}) == homework
    assert match_assignment(submit("x = 1\n", "kim_WEINE.py"), {"HW3": homework}) == homework


@pytest.mark.parametrize("name", ["binary", "multinomial", "wine"])
def test_each_right_solution_is_known_by_its_functions(assignments, name):
    paths = [p for p in (ROOT / "tests" / "class" / name).glob("right_*") if p.suffix in SUFFIXES]
    assert paths

    for path in paths:
        submission = msgspec.structs.replace(read_submission(path), file="x.py")
        assert match_assignment(submission, assignments).name == name


# --- whatever the bytes


def check_whole(submission):
    """A submission has cells or a problem, and can be sent to the process that grades it."""
    assert bool(submission.cells) == (submission.problem is None)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(submission), type=Submission) == submission


@given(st.binary(), st.sampled_from(["x.py", "x.ipynb"]))
def test_any_bytes_are_a_submission_or_told(data, name):
    check_whole(parse_submission(name, data))


@given(st.from_regex(rb"\A#.{0,3}coding[:=] ?[-_.a-z0-9]{1,20}\n", fullmatch=False), st.binary())
def test_any_coding_line_is_obeyed_or_told(line, data):
    check_whole(script(line + data))


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.sampled_from(
                [
                    "cells",
                    "metadata",
                    "nbformat",
                    "nbformat_minor",
                    "worksheets",
                    "source",
                    "tags",
                    "cell_type",
                    "kernelspec",
                    "language",
                    "language_info",
                    "name",
                    "input",
                ]
            ),
            inner,
            max_size=5,
        )
    ),
    max_leaves=20,
)


@given(JSON)
def test_any_json_is_a_notebook_or_told(value):
    check_whole(parse_submission("x.ipynb", json.dumps(value).encode()))


@given(JSON, JSON, JSON)
def test_any_notebook_is_a_submission_or_told(metadata, of_cell, source):
    cell = {**code("x = 1"), "metadata": of_cell, "source": source}

    check_whole(parse("y = 1", cell, metadata=metadata))


PIECES = st.sampled_from(
    [
        "%",
        "%%",
        "!",
        "?",
        "%%time",
        "%time",
        "\\",
        "\n",
        "\r\n",
        " ",
        "    ",
        "x",
        "=",
        "(",
        '"""',
        "def f():",
        "#",
        "\t",
        "\0",
        "\x0c",
        ";",
        "/",
        ",",
        ">>> ",
        "In [1]: ",
        "가",
        "\ud800",
        "'",
    ]
)


@given(st.lists(PIECES, max_size=12).map("".join) | st.text(st.characters(exclude_categories=())))
def test_any_cell_is_kept_or_told(source):
    submission = parse("y = 1", source)

    check_whole(submission)
    assert submission.cells[0].name == "cell 1 (`y = 1`)"


@given(st.lists(st.sampled_from([*LINE_MAGICS, "", "  ", "x = 1", "# note"]), max_size=8))
def test_lines_keep_their_numbers_among_any_magics(lines):
    source = "\n".join([*lines, "marker"])

    assert line_of("marker", parse(source)) == len(lines) + 1


@pytest.mark.parametrize("source", ["x = '\ud83d'", "!echo \ud83d\ny = 1", "# \udc00"])
def test_half_of_a_character_in_a_cell_costs_nothing(source):
    submission = parse(source)

    check_whole(submission)
    assert submission.problem is None


@pytest.mark.parametrize("name", ["\udcb1\udce8_wine.py", "\udcff.ipynb"])
def test_name_in_no_encoding_costs_nothing(name):
    data = b"x = 1\n" if name.endswith(".py") else notebook("x = 1")

    submission = parse_submission(name, data)

    check_whole(submission)
    assert submission.problem is None


def test_notebook_under_the_name_of_a_script_is_read_as_a_notebook():
    cell = {"cell_type": "code", "source": "x = 1", "metadata": {}, "outputs": []}
    notebook = {"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [cell]}

    found = parse_submission("kim.py", json.dumps(notebook).encode())

    assert (found.notebook, [each.source for each in found.cells]) == (True, ["x = 1\n"])


def test_halves_of_characters_are_no_text():
    found = parse_submission("kim.py", b"# coding: unicode_escape\n# \xff\nx = '\\ud800'\n")

    for cell in found.cells:
        cell.source.encode()


@pytest.mark.long
@pytest.mark.parametrize("lines", [1, 200_000], ids=["one long text", "many lines"])
def test_a_notebook_of_200_megabytes_needs_less_than_300(tmp_path, lines):
    path = tmp_path / "x.ipynb"
    with path.open("w") as file:
        file.write(
            '{"nbformat": 4, "nbformat_minor": 5, "metadata": {}, "cells": [{"cell_type": "code",'
            ' "execution_count": 1, "metadata": {}, "source": "x = 1", "outputs": [{"output_type":'
            ' "stream", "name": "stdout", "text": ["'
        )
        text = "a" * (200 * 2**20 // lines)
        file.writelines(text + ('", "' if line < lines - 1 else "") for line in range(lines))
        file.write('"]}]}]}')
    program = (
        "import re, sys; from pathlib import Path;"
        "from grader.model.submission import read_submission;"
        "read = read_submission(Path(sys.argv[1])); print(read.cells[0].source.strip());"
        "status = Path('/proc/self/status').read_text();"
        "print(int(re.search(r'VmHWM:\\s+(\\d+)', status)[1]) // 1024)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, path], capture_output=True, text=True, check=True
    )
    source, megabytes = done.stdout.split("\n")[:2]
    assert source == "x = 1"
    assert int(megabytes) < 300
