"""Folders and archives as students hand them in, and a fixture that finds their content."""

import io
import zipfile

import pytest

from grader.intake import find_hand_ins

WINE = (
    b"def load_data(): ...\ndef build_model(): ...\ndef train(): ...\ndef predict_test_0(): ...\n"
)


@pytest.fixture
def wine():
    return WINE


@pytest.fixture
def folder(tmp_path):
    """Write files and return the folder around them."""

    def make(*names, name="class", **contents):
        for each in names:
            path = tmp_path / name / each
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(contents.get(each, WINE))
        return tmp_path / name

    return make


@pytest.fixture
def zipped():
    """Return the bytes of a zip with these members: names or (name or ZipInfo, bytes)."""

    def make(*members):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
            for member in members:
                name, data = member if isinstance(member, tuple) else (member, WINE)
                archive.writestr(name, data, zipfile.ZIP_DEFLATED)
        return buffer.getvalue()

    return make


@pytest.fixture
def archive(tmp_path, zipped):
    """Write a zip with these members and return its path."""

    def make(*members, name="download.zip"):
        path = tmp_path / name
        path.write_bytes(zipped(*members))
        return path

    return make


@pytest.fixture
def find(assignments):
    """Find the hand-ins in paths."""

    def look(*paths, **options):
        return find_hand_ins(paths, assignments, **options)

    return look


@pytest.fixture
def who(find):
    """Return (student, assignment) of each hand-in, and the reasons in English by the origin of what was unmatched."""

    def look(*paths, **options):
        intake = find(*paths, **options)
        found = [(each.student, each.assignment.name) for each in intake.hand_ins]
        return found, {each.origin: each.reason.en for each in intake.unmatched}

    return look
