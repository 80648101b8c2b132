"""One language is extracted from bilingual prose, and text without a counterpart stays."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from grader.model.bilingual import code_in, markdown_in


@pytest.mark.parametrize("language, kept", [("ko", "하나\n둘"), ("en", "One\ntwo")])
def test_a_list_keeps_its_items_in_one_language(language, kept):
    items = "- 하나\n  둘\n  *One\n  two*\n- 셋\n  *Three*\n\n| 표 | table |\n"

    chosen = markdown_in(items, language)

    assert chosen.replace("\n  ", "\n").startswith(f"- {kept}\n- ")
    assert chosen.endswith("| 표 | table |\n")


def test_text_without_a_partner_stays():
    assert markdown_in("혼자\n\nalone\n", "en") == "혼자\n\nalone\n"
    assert code_in("# %%\n# 혼자\nx = 1\n", "en") == "# %%\n# 혼자\nx = 1\n"


@given(st.text(alphabet="ab *#\n|-_`", max_size=60), st.sampled_from(["ko", "en"]))
def test_text_without_korean_stays(text, language):
    assert markdown_in(text, language) == text


@pytest.mark.parametrize(
    "language, expected",
    [
        ("ko", '# %% [markdown]\n# # 가\n#\n# 나\n\n# %%\ndef f():\n    """다"""\n    # 라\n'),
        ("en", '# %% [markdown]\n# # A\n#\n# B\n\n# %%\ndef f():\n    """C"""\n    # D\n'),
    ],
)
def test_cells_docstrings_and_comments(language, expected):
    both = (
        "# %% [markdown]\n# # 가\n# *A*\n#\n# 나\n#\n# *B*\n\n"
        '# %%\ndef f():\n    """다\n\n    C\n    """\n    # 라\n    # D\n'
    )

    assert code_in(both, language) == expected
