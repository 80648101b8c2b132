"""`grader.check` outside Jupyter: in a plain prompt, with the IPython of Colab, and without a usable PyTorch."""

import os
import subprocess
import sys
import sysconfig
import venv
from pathlib import Path

import pytest

SIGMOID = "import grader, torch\ndef sigmoid(z):\n    return torch.sigmoid(z)\n\n"
CHECK = 'grader.check("sigmoid", assignment="binary")\n'
ENGLISH = {**os.environ, "LC_ALL": "C.UTF-8", "LANGUAGE": "en"}


def python(*arguments, folder, executable=sys.executable, **options):
    return subprocess.run(
        [executable, *arguments],
        cwd=folder,
        env=ENGLISH,
        capture_output=True,
        text=True,
        timeout=300,
        check=True,
        **options,
    )


@pytest.mark.long
def test_a_plain_prompt_and_a_script_show_text_once(tmp_path):
    prompt = python("-i", "-q", folder=tmp_path, input=SIGMOID + CHECK).stdout
    script = python("-c", SIGMOID + CHECK, folder=tmp_path).stdout

    for shown in (prompt, script):
        assert shown.count("Sigmoid (sigmoid): passed, 10 / 10") == 1
        assert "<" not in shown


@pytest.mark.parametrize(
    "release, sentence",
    [
        (None, "PyTorch is not installed; install it: pip install 'torch>=2.4'\n"),
        ("2.3.1", "PyTorch 2.3.1 is too old; upgrade it: pip install 'torch>=2.4'\n"),
    ],
)
def test_without_a_usable_torch_it_is_a_sentence(tmp_path, release, sentence):
    """The session's packages, but torch: hidden, or with the metadata of an older release before its own."""
    if release is None:
        hide = (
            "class Hidden:\n"
            "    def find_spec(self, name, path=None, target=None):\n"
            "        if name.partition('.')[0] == 'torch':\n"
            "            raise ModuleNotFoundError(name)\n"
            "sys.meta_path.insert(0, Hidden())\n"
        )
    else:
        metadata = tmp_path / f"torch-{release}.dist-info" / "METADATA"
        metadata.parent.mkdir()
        metadata.write_text(f"Metadata-Version: 2.1\nName: torch\nVersion: {release}\n")
        hide = f"sys.path.insert(0, {str(tmp_path)!r})\n"

    done = python("-c", f"import sys\n{hide}import grader\n{CHECK}", folder=tmp_path)

    assert done.stdout == sentence
    assert done.stderr == ""


@pytest.mark.long
def test_the_ipython_of_colab(tmp_path):
    folder = tmp_path / "venv"
    venv.create(folder, symlinks=True)
    executable = folder / "bin" / "python"
    install = ["-m", "pip", "--python", str(executable), "install", "-q", "ipython==7.34"]
    try:
        python(*install, folder=tmp_path)
    except subprocess.CalledProcessError as error:
        pytest.skip(f"can't install IPython 7.34: {error.stderr[-200:]}")
    (site,) = folder.glob("lib/python3*/site-packages")
    root = Path(__file__).parents[2]
    (site / "others.pth").write_text(f"{root}\n{sysconfig.get_path('purelib')}\n")
    script = (
        "import IPython\n"
        "from IPython.core.interactiveshell import InteractiveShell\n"
        "from IPython.utils.capture import capture_output\n"
        "shell = InteractiveShell.instance()\n"
        f"shell.run_cell({SIGMOID!r}).raise_error()\n"
        "with capture_output() as shown:\n"
        f"    shell.run_cell({CHECK!r}, store_history=True).raise_error()\n"
        "(card,) = shown.outputs\n"
        "print(IPython.__version__, 'text/html' in card.data)\n"
        "print(card.data['text/plain'])\n"
    )

    done = python("-c", script, folder=tmp_path, executable=str(executable))

    assert done.stdout.startswith("7.34.0 True\n")
    assert "Sigmoid (sigmoid): passed, 10 / 10" in done.stdout
