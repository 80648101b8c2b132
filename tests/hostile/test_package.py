"""Submissions can't read the installed grader, including its solutions, in Python's library folder."""

from pathlib import Path

import pytest

from grader.model.errors import UserError
from grader.sandbox import lockdown, refuse_readable

pytestmark = pytest.mark.sampled(4)

SOLUTION = "course/solutions/wine/solution.py"


@pytest.fixture(scope="module")
def package(installed: Path) -> str:
    """The folder of the installed package."""
    (package,) = installed.parent.parent.glob("lib/python3*/site-packages/grader")
    return str(package)


# Each reads the solution, or says why it can't.
READS = {
    "open": "return Path(package, solution).read_text()",
    "by a link": """
        os.symlink(package, "link")
        return Path("link", solution).read_text()
    """,
    "by the other name of the folder of libraries": """
        other = package.replace("/lib/", "/lib64/")
        os.stat(other)
        return Path(other, solution).read_text()
    """,
    "by a descriptor of the folder": """
        folder = os.open(package, os.O_PATH)
        return open(os.open(solution, os.O_RDONLY, dir_fd=folder)).read()
    """,
    "by a hard link": """
        os.link(Path(package, solution), "link")
        return Path("link").read_text()
    """,
    "linecache": """
        if not (lines := linecache.getlines(str(Path(package, solution)))):
            raise PermissionError("no line")
        return "".join(lines)
    """,
    "importlib.util": """
        import importlib.util
        spec = importlib.util.spec_from_file_location("stolen", Path(package, solution))
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return inspect.getsource(module)
    """,
    "importlib.resources": """
        import importlib.resources, importlib.machinery
        spec = importlib.machinery.PathFinder.find_spec("grader", [str(Path(package).parent)])
        return (importlib.resources.files(spec.loader.load_module()) / solution).read_text()
    """,
    "importlib.metadata": """
        from importlib.metadata import distribution
        return distribution("torch-grader").locate_file(f"grader/{solution}").read_text()
    """,
    "pkgutil": """
        import pkgutil
        return pkgutil.get_importer(package).find_spec("__init__").loader.get_data(
            str(Path(package, solution))
        ).decode()
    """,
    "runpy": """
        import runpy
        runpy.run_path(str(Path(package, solution)), run_name="stolen")
        return Path(package, solution).read_text()
    """,
    "zipimport": """
        import shutil
        shutil.make_archive("packed", "zip", Path(package, solution).parent)
        sys.path.insert(0, "packed.zip")
        import zipfile
        return zipfile.ZipFile("packed.zip").read("solution.py").decode()
    """,
    "the loader of a module that is still alive": """
        frame = sys._getframe()
        while not frame.f_globals["__name__"].startswith("grader"):
            frame = frame.f_back
        return frame.f_globals["__loader__"].get_data(str(Path(package, solution))).decode()
    """,
    "the cache of compiled code": """
        import importlib.util
        return Path(importlib.util.cache_from_source(str(Path(package, solution)))).read_bytes()
    """,
    "its modules without the guard": """
        sys.meta_path[:] = [each for each in sys.meta_path if "Refusal" not in type(each).__name__]
        sys.modules.pop("grader", None)
        import grader.model.assignment
        return Path(grader.__file__).parent.joinpath(solution).read_text()
    """,
    "inspect.getsource": """
        frame = sys._getframe()
        while not frame.f_globals["__name__"].startswith("grader"):
            frame = frame.f_back
        return inspect.getsource(frame)
    """,
}


@pytest.mark.sampled(12)
@pytest.mark.parametrize("name", READS)
def test_the_solutions_of_the_package_are_not_read(
    installed_server, assault, submit, package, skip_refused_moves, name
):
    targets = {"package": package, "solution": SOLUTION}

    refused = assault(installed_server(), submit, READS[name], **targets)
    without = assault(
        installed_server("namespaces", "files", "calls"), submit, READS[name], **targets
    )

    assert {o.how for o in refused} <= {"PermissionError", "OSError", "ModuleNotFoundError"}, (
        refused
    )
    skip_refused_moves(without)
    assert {o.how for o in without} <= {"done", "FileExistsError"}, without


IMPORTS = {
    "a module": "import grader.sandbox",
    "a name": "from grader import gradebook",
    "importlib": "import importlib; importlib.import_module('grader.authoring.release')",
    "after the stub is gone": "sys.modules.pop('grader', None); import grader",
    "reload": "import importlib, grader; importlib.reload(grader)",
    "the solution": "import grader.course.solutions.wine.solution",
}


@pytest.mark.parametrize("name", IMPORTS)
def test_the_package_is_not_imported(installed_server, assault, submit, name):
    readable = installed_server("namespaces", "files")
    for server_ in (installed_server(), readable):
        for outcome in assault(server_, submit, IMPORTS[name]):
            assert outcome.how in ("ModuleNotFoundError", "ImportError")

    unguarded = installed_server("guard", "namespaces", "files")
    if name not in ("after the stub is gone", "reload"):
        found = assault(unguarded, submit, IMPORTS[name])
        assert "done" in {o.how for o in found}, found


def test_a_call_of_check_that_was_left_costs_nothing(installed_server, assault, submit):
    body = "import grader; return grader.check('train'), grader.check(assignment='wine')"

    outcomes = assault(installed_server(), submit, body)

    assert [(o.how, o.value) for o in outcomes] == [("done", (None, None))] * 2


def test_the_libraries_beside_the_package_are_there(installed_server, assault, submit):
    body = """
        import importlib.metadata, pandas, sklearn.cluster, scipy.signal, matplotlib.pyplot, tqdm
        return [importlib.metadata.version("torch-grader"), Path(pandas.__file__).read_text()[:3]]
    """

    outcomes = assault(installed_server(), submit, body)

    assert {o.how for o in outcomes} == {"done"}, outcomes


def test_hidden_folders_among_libraries_are_refused(tmp_path, monkeypatch):
    site = tmp_path / "lib" / "python3.11" / "site-packages"
    package = site / "grader"
    monkeypatch.setattr(lockdown, "READABLE", (tmp_path,))
    monkeypatch.setattr(lockdown, "HIDDEN", {package})

    refuse_readable(package / "course" / "solutions")
    for path in (site / "course" / "solutions", site / "grader2", tmp_path):
        with pytest.raises(UserError, match="every submission can read"):
            refuse_readable(path)
