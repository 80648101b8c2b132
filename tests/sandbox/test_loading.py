"""Loading a submission by statements: what fails ends no more than it must, and the reports say what."""

import contextlib

import nbformat
import nbformat.v4 as v4
import pytest
import torch

from grader.model.assignment import Limits
from grader.model.score import Verdict
from grader.model.submission import parse_submission
from grader.model.syntax import newer_python
from grader.sandbox import StudentCodeError, open_sandbox

LIMITS = Limits(cpu_seconds=20, train_cpu_seconds=20, wall_factor=3, memory_mb=1024, output_kb=4)


def notebook(*sources):
    return nbformat.writes(v4.new_notebook(cells=[v4.new_code_cell(s) for s in sources]))


RUNS_ON = [
    "import seaborn as sns\ndef f(): return 1",
    "import seaborn as sns, math\ndef f(): return math.gcd(1, 2)",
    "from math import nothing, gcd\ndef f(): return gcd(1, 2)",
    "import seaborn as sns; import math\ndef f(): return math.gcd(1, 2)",
    "import seaborn as sns\nsns.set_theme()\nfig = sns.load_dataset('x')\nfig.head()\ndef f(): return 1",
    "from seaborn import *\nset_theme()\ndef f(): return 1",
    "if True:\n    import seaborn\n    def f(): return 1",
    "with open('x', 'w') as file:\n    import seaborn\n    file.write('x')\n    def f(): return 1",
    "for _ in range(1):\n    import seaborn\n    def f(): return 1",
    "from torchvision import (\n    datasets,\n    transforms,\n)\ndef f(): return 1",
    "try:\n    import seaborn\nexcept ImportError:\n    def f(): return 1",
    "try:\n    import seaborn\nfinally:\n    x = 1\ndef f(): return x",
    "try:\n    import seaborn\nexcept ValueError:\n    pass\ndef f(): return 1",
    "def draw():\n    import seaborn\ndraw()\ndef f(): return 1",
    "import seaborn\n@seaborn.cached\ndef g(): pass\ndef f(): return 1",
    "from google.colab import drive, files\ndrive.mount('/content/drive')\nfiles.upload()\ndef f(): return 1",
    "try:\n    from google.colab import drive\nexcept ImportError:\n    pass\ndrive.mount('/x')\ndef f(): return 1",
    "import os\nos.chdir('/content/drive/MyDrive')\ndef f(): return 1",
    "import pandas as pd\ndf = pd.read_csv('/content/wine.csv')\nx = df['x']\ndef f(): return 1",
    "import torch\ntorch.save(torch.ones(1), '/content/x.pt')\ndef f(): return 1",
    "open('/content/x').read()\ndef f(): return 1",
    "from __future__ import annotations\nimport seaborn\ndef f(x: nothing = 1): return x",
    "'doc'\nimport seaborn\ndef f(): return 1 if __doc__ == 'doc' else 2",
    "!ls\n%matplotlib inline\nfiles = !ls\npip install seaborn\n!pip install a && \\\n  ls\ndef f(): return 1",
    'def g():\n    """\n!ls\n"""\npip install -q x==1.0\ncd /content/drive\n%%time\ndef f(): return 1',
    "match 1:\n    case 1:\n        import seaborn\n        def f(): return 1",
]


@contextlib.contextmanager
def loaded(sandbox_server, source, name="x.py"):
    submission = parse_submission(name, source.encode())
    with (
        open_sandbox(sandbox_server.control, submission, LIMITS) as sandbox,
        contextlib.closing(sandbox.student()) as student,
    ):
        yield sandbox, student


@pytest.mark.parametrize("kind", ["x.py", "x.ipynb"])
@pytest.mark.parametrize("source", RUNS_ON)
def test_a_failed_import_or_colab_call_ends_its_statement_only(sandbox_server, source, kind):
    text = source if kind == "x.py" else notebook(source.replace("%%time\n", ""))
    with loaded(sandbox_server, text, kind) as (sandbox, student):
        assert student.f() == 1
        assert all("was skipped" in note.en for note in sandbox.notes)


@pytest.mark.parametrize(
    "source, line",
    [
        ("x = 1\n\nraise ValueError\ndef f(): return 1", 3),
        ("import seaborn\nx = (1 +\n     undefined)\ndef f(): return 1", 3),
        ("for i in range(3):\n    if i:\n        1 / 0\ndef f(): return 1", 3),
        ("import seaborn\n\nraise SystemExit\ndef f(): return 1", 3),
    ],
)
def test_anything_else_ends_the_script_at_its_line(sandbox_server, source, line):
    with loaded(sandbox_server, source) as (sandbox, student):
        with pytest.raises(StudentCodeError) as caught:
            student.f()
        assert caught.value.place.line == line
        assert any(f"x.py, line {line}: " in note.en for note in sandbox.notes)


def test_a_call_that_needs_what_failed_says_so(sandbox_server):
    source = (
        "import seaborn as sns\ndf = sns.load()\ndef f(): return df\ndef g(): return 1\nh = sns.x"
    )
    with loaded(sandbox_server, source) as (sandbox, student):
        assert student.g() == 1
        assert all("nothing that was graded needs it" in note.en for note in sandbox.notes)
        for name in ("f", "h"):
            with pytest.raises(StudentCodeError) as caught:
                getattr(student, name)()
            assert caught.value.verdict == Verdict.ERROR
            assert (
                "is missing because `import seaborn as sns` failed: seaborn isn't installed here"
                in caught.value.text.en
            )
        assert "graded functions need it" in sandbox.notes[0].en


def test_a_function_in_a_markdown_or_raw_cell_is_told(sandbox_server):
    cells = [
        v4.new_code_cell("x = 1"),
        v4.new_markdown_cell("def f(): return 1"),
        v4.new_raw_cell("def g(): return 1"),
    ]
    text = nbformat.writes(v4.new_notebook(cells=cells))
    with loaded(sandbox_server, text, "x.ipynb") as (_, student):
        for name, kind in (("f", "a Markdown cell"), ("g", "a raw cell")):
            with pytest.raises(StudentCodeError) as caught:
                getattr(student, name)()
            assert caught.value.verdict == Verdict.NOT_IMPLEMENTED
            assert kind in caught.value.text.en


@pytest.mark.parametrize("notebook", [True, False])
def test_a_name_that_only_demonstration_code_sets_is_told(sandbox_server, notebook):
    demo, code = "wine, rows = {}, 3\n", "def load_data(): return wine, typo\n"
    cells = [
        v4.new_code_cell(demo, metadata={"tags": ["demo"]}),
        v4.new_code_cell(code),
    ]
    text = nbformat.writes(v4.new_notebook(cells=cells))
    if not notebook:
        text = f'if __name__ == "__main__":\n    {demo}\n{code}'
    where = "cell 1 (`wine, rows = {}, 3`)" if notebook else "`__main__`"
    name = "x.ipynb" if notebook else "x.py"
    with (
        loaded(sandbox_server, text, name) as (_, student),
        pytest.raises(StudentCodeError) as caught,
    ):
        student.load_data()

    assert caught.value.verdict == Verdict.ERROR
    assert caught.value.text.en.endswith(
        f"`wine` is set only in demonstration code ({where}), which isn't run: set it where it is used"
    )


def test_a_name_that_nothing_sets_is_not_told_to_be_set_anywhere(sandbox_server):
    source = 'def f(): return tyop\nif __name__ == "__main__":\n    print(f(), tyop == 1)\n'
    with loaded(sandbox_server, source) as (_, student), pytest.raises(StudentCodeError) as caught:
        student.f()

    assert "demonstration" not in caught.value.text.en


NEWER = {
    "x = {'a': 1}\nprint(f'{x['a']}')": "3.12",
    "print(f\"{'\\n'.join(['a'])}\")": "3.12",
    "def f[T](x: T) -> T: return x": "3.12",
    "type X = int": "3.12",
    "class A[T = int]: pass": "3.13",
    "x = t'{1}'": "3.14",
    "try: pass\nexcept ValueError, TypeError: pass": "3.14",
}


@pytest.mark.parametrize("source", NEWER)
def test_the_version_that_newer_code_needs_is_known(source):
    assert newer_python(source) == NEWER[source]


@pytest.mark.parametrize(
    "source",
    ["x = 1", "def f(:", "print 'a'", "x = 'a", "f'{x['a']}' = 2\ndef", "await f()", "return 1"],
)
def test_what_no_version_reads_or_this_one_does_is_not_newer(source):
    assert newer_python(source) is None


def test_what_only_a_newer_python_reads_is_ungraded(sandbox_server):
    text = notebook("def f(): return 1\ndef h(): return g()", "type X = int\ndef g(): return 1")
    with loaded(sandbox_server, text, "x.ipynb") as (sandbox, student):
        assert student.f() == 1
        for call in (student.g, student.h):
            with pytest.raises(StudentCodeError) as caught:
                call()
            assert caught.value.verdict == Verdict.UNGRADED
            assert "written for Python 3.12 or later" in caught.value.text.en
        assert sandbox.meter.loading.newer == "3.12"


ON_GPU = [
    "torch.zeros(2).cuda()", "torch.zeros(2).to('cuda')", "torch.zeros(2).to(torch.device('cuda:0'))",
    "torch.zeros(2, device='cuda')", "torch.zeros(2).to(0)", "torch.zeros(2).to(device='mps', dtype=torch.float64)",
    "next(torch.nn.Linear(1, 1, device='cuda').parameters())", "next(torch.nn.Linear(1, 1).cuda().parameters())",
    "next(torch.nn.Linear(1, 1).to('cuda').parameters())", "torch.zeros(2).pin_memory()",
    "torch.zeros(2, pin_memory=True)", "torch.randperm(2, generator=torch.Generator('cuda'))",
    "torch.cuda.FloatTensor([1.0]).type('torch.cuda.FloatTensor')",
    "torch.zeros(2).new_ones(2, device='cuda')",
    "[torch.set_default_device('cuda'), torch.zeros(2)][1]",
    "torch.from_numpy(np.zeros(2)).to('cuda', non_blocking=True)",
    "[torch.save(torch.ones(2), 'x'), torch.load('x', map_location='cuda')][1]",
]  # fmt: skip


@pytest.mark.parametrize("expression", ON_GPU)
def test_what_asks_for_a_gpu_runs_on_the_processor_with_a_remark(sandbox_server, expression):
    source = f"import torch\nimport numpy as np\ndef f(): return {expression}\n"
    source += "def g(): return torch.cuda.is_available()"
    with loaded(sandbox_server, source) as (sandbox, student):
        assert student.g() is False
        assert not sandbox.notes
        assert isinstance(student.f(), torch.Tensor)
        assert [note.en for note in sandbox.notes] == [
            "the code asks for a GPU; it was run on the processor"
        ]


def test_mixed_precision_for_a_gpu_trains_on_the_processor(sandbox_server):
    source = """
import torch
def f():
    torch.manual_seed(0)
    torch.cuda.manual_seed_all(0)
    net = torch.nn.Linear(1, 1).cuda()
    optimizer, scaler = torch.optim.SGD(net.parameters(), lr=0.1), torch.amp.GradScaler("cuda")
    x = torch.ones(3, 1).cuda()
    with torch.autocast("cuda", dtype=torch.float16), torch.device("cuda"):
        loss = (net(x) - torch.zeros(3, 1)).square().mean()
    scaler.scale(loss).backward()
    scaler.unscale_(optimizer)
    scaler.step(optimizer)
    scaler.update()
    torch.cuda.synchronize()
    return [loss.dtype == torch.float32, net.weight]
"""
    with loaded(sandbox_server, source) as (_, student):
        same, weight = student.f()
        assert same
        assert weight.shape == (1, 1)
