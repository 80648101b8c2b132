"""The templates that students get are complete, safe to load, and reveal no solution."""

import ast
import importlib.util
import inspect
import json
import re
from pathlib import Path

import nbformat
import pytest

from grader.model.assignment import load_assignment

ROOT = Path(__file__).parents[2]
ASSIGNMENTS = ("binary", "multinomial", "wine")

SIGNATURES = {
    "binary": {
        "weighted_sum": "(x, w, b)",
        "sigmoid": "(z)",
        "build_model": "()",
        "bce_loss": "(y_pred, y_true)",
        "train": "(model, x, y, epochs=1000, lr=0.01)",
        "predict": "(model, x, threshold=0.5)",
    },
    "multinomial": {
        "build_model": "()",
        "cross_entropy_loss": "(logits, target)",
        "train": "(model, X, y, epochs=10000, lr=0.01)",
        "predict_proba": "(model, X)",
        "predict": "(model, X)",
    },
    "wine": {
        "load_data": "(random_state=2025)",
        "build_model": "()",
        "train": "(model, X, y, epochs=500, lr=0.1)",
        "predict_test_0": "(model, X_test)",
    },
}

RUBRIC = {
    "binary": {
        "weighted_sum": 10,
        "sigmoid": 10,
        "model_shape": 10,
        "bce_loss": 20,
        "training_loop": 20,
        "convergence": 20,
        "predict": 10,
    },
    "multinomial": {
        "model_shape": 10,
        "cross_entropy_loss": 20,
        "training_loop": 20,
        "convergence": 20,
        "predict_proba": 15,
        "predict": 15,
    },
    "wine": {
        "data_split": 15,
        "model_shape": 10,
        "convergence": 25,
        "accuracy": 20,
        "test_0_class": 30,
    },
}


def read_notebook(name):
    return nbformat.read(
        ROOT / "assignments" / name / f"{name}.ipynb", as_version=nbformat.NO_CONVERT
    )


def is_demo(cell):
    return "demo" in cell.metadata.get("tags", [])


def lesson_cells(name):
    """The cells between the one that sets up and those that check."""
    setup, *cells, _, check = read_notebook(name).cells
    assert setup.metadata.tags == ["setup"]
    assert check.source == "grader.check()"
    assert is_demo(check)
    return cells


def load_path(path):
    spec = importlib.util.spec_from_file_location(f"template_{path.stem}", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return vars(module)


def load_notebook(name):
    """Run the untagged code cells, as the grader does."""
    namespace = {"__name__": "template"}
    for cell in lesson_cells(name):
        if cell.cell_type == "code" and not is_demo(cell):
            exec(compile(cell.source, cell.id, "exec"), namespace)
    return namespace


def load_template(name, kind):
    if kind == "ipynb":
        return load_notebook(name)
    return load_path(ROOT / "assignments" / name / f"{name}.py")


def own_functions(namespace):
    """The functions that the code defines itself, without those that it imports."""
    home = namespace["__name__"]
    return {
        name: value
        for name, value in namespace.items()
        if inspect.isfunction(value) and value.__module__ == home
    }


def plain_signature(function):
    """The signature without its annotations."""
    signature = inspect.signature(function)
    bare = [p.replace(annotation=p.empty) for p in signature.parameters.values()]
    return str(signature.replace(parameters=bare, return_annotation=signature.empty))


def solution_cells(name):
    """The solution's cells: the header after `# %%`, and the lines."""
    text = (ROOT / "solutions" / name / "solution.py").read_text(encoding="utf-8")
    parts = re.split(r"(?m)^# %%(.*)\n", text)
    return [
        (header.strip(), body.strip("\n"))
        for header, body in zip(parts[1::2], parts[2::2], strict=True)
    ]


def solution_lines(name):
    """The stripped lines between the markers that are long enough to be told apart."""
    text = (ROOT / "solutions" / name / "solution.py").read_text(encoding="utf-8")
    regions = re.findall(r"### BEGIN SOLUTION\n(.*?)### END SOLUTION", text, re.DOTALL)
    assert len(regions) == len(SIGNATURES[name])
    lines = {line.strip() for region in regions for line in region.splitlines()}
    return sorted(line for line in lines if len(line) > 20)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_notebook_is_valid(name):
    notebook = read_notebook(name)
    nbformat.validate(notebook)
    ids = [cell.id for cell in notebook.cells]

    assert (notebook.nbformat, notebook.nbformat_minor) == (4, 5)
    assert ids == [f"{name}-{number:02d}" for number in range(1, len(ids) + 1)]
    assert notebook.metadata.grader == {"assignment": name}
    assert lesson_cells(name)[0].cell_type == "markdown"
    assert all(not cell.outputs for cell in notebook.cells if cell.cell_type == "code")


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_demonstration_is_the_last_cell_and_tagged(name):
    cells = lesson_cells(name)
    drawing = [cell for cell in cells if "matplotlib" in cell.source]

    assert drawing == [cells[-1]]
    assert is_demo(cells[-1])
    assert all("__main__" not in cell.source for cell in cells)


@pytest.mark.parametrize("kind", ["py", "ipynb"])
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_template_defines_the_functions(name, kind, capsys):
    functions = own_functions(load_template(name, kind))

    assert {key: plain_signature(value) for key, value in functions.items()} == SIGNATURES[name]
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_solution_has_the_same_signatures_and_docstrings(name):
    template = own_functions(load_template(name, "py"))
    solution = own_functions(load_path(ROOT / "solutions" / name / "solution.py"))

    for key in SIGNATURES[name]:
        assert inspect.signature(solution[key]) == inspect.signature(template[key])
        assert solution[key].__doc__ == template[key].__doc__
        korean, blank, english = inspect.getdoc(solution[key]).splitlines()[:3]
        assert re.search("[가-힣]", korean)
        assert blank == ""
        assert english.startswith(("Return", "Train"))


@pytest.mark.parametrize("kind", ["py", "ipynb"])
@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_every_function_is_a_stub(name, kind):
    for key, function in own_functions(load_template(name, kind)).items():
        required = [
            None
            for parameter in inspect.signature(function).parameters.values()
            if parameter.default is parameter.empty
        ]
        with pytest.raises(NotImplementedError, match=key):
            function(*required)


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_script_and_notebook_are_the_solution_without_its_regions(name):
    """Both are kept in step with the solution: the same cells, but for the regions."""
    stub = re.compile(r"    # TODO: .*\n    raise NotImplementedError\(.*\)$", re.MULTILINE)
    region = re.compile(
        r"    ### BEGIN SOLUTION\n.*?    ### END SOLUTION$", re.DOTALL | re.MULTILINE
    )
    script = (ROOT / "assignments" / name / f"{name}.py").read_text(encoding="utf-8")
    expected = [
        (header, region.sub("<region>", body).strip("\n")) for header, body in solution_cells(name)
    ]

    rebuilt = "".join(f"# %% {header}".rstrip() + f"\n{body}\n" for header, body in expected)
    assert re.sub(r"\n+", "\n", stub.sub("<region>", script)) == re.sub(r"\n+", "\n", rebuilt)

    cells = lesson_cells(name)
    assert len(cells) == len(expected)
    for cell, (header, body) in zip(cells, expected, strict=True):
        if header.startswith("[markdown]"):
            assert cell.cell_type == "markdown"
            assert cell.source == re.sub("(?m)^# ?", "", body)
        elif is_demo(cell):
            assert header == 'tags=["demo"]'
            inner = ast.unparse(ast.parse(body).body[0].body)
            assert ast.unparse(ast.parse(cell.source)) == inner
        else:
            assert stub.sub("<region>", cell.source) == body


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_no_line_of_a_solution_is_given_away(name):
    lines = solution_lines(name)
    assert lines
    for path in sorted((ROOT / "assignments").rglob("*")):
        if not path.is_file() or path.suffix not in {".py", ".ipynb", ".md"}:
            continue
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".ipynb":
            text = "\n".join("".join(cell["source"]) for cell in json.loads(text)["cells"])
        assert [line for line in lines if line in text] == [], path.name


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_one_public_check_per_item(name):
    source = (ROOT / "assignments" / name / "test_public.py").read_text(encoding="utf-8")
    tree = ast.parse(source)
    items = re.findall(r'@pytest\.mark\.item\("(\w+)"\)\ndef test_', source)
    modules = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import)
        for alias in node.names
    ]

    assert items == list(RUBRIC[name])
    assert modules == ["pytest", "torch"]
    assert [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)] == [
        "grader.checks"
    ]


@pytest.mark.parametrize("name", ASSIGNMENTS)
def test_readme_lists_functions_and_points(name):
    readme = (ROOT / "assignments" / name / "README.md").read_text(encoding="utf-8")
    points = dict(re.findall(r"(?m)^\| `(\w+)` \| (\d+) \|", readme))

    assert {item: int(number) for item, number in points.items()} == RUBRIC[name]
    assert sum(RUBRIC[name].values()) == 100
    for function in SIGNATURES[name]:
        assert f"| `{function}(" in readme
    assert f"grader check {name}.ipynb" in readme
    packages = load_assignment(ROOT / "solutions" / name).packages
    assert f"$ pip install {' '.join(('torch-grader', *packages))}\n" in readme
    assert "grader.check()" in readme
