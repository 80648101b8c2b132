"""`grader.check` in a real kernel: its output, and the unchanged state of the kernel."""

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOLUTION = "".join(
    cell
    for cell in (ROOT / "solutions/binary/solution.py").read_text(encoding="utf-8").split("# %%")
    if not cell.startswith((' tags=["demo"]', " [markdown]"))
)

pytestmark = pytest.mark.filterwarnings("ignore")  # those of Jupyter's own packages

MEDDLING = '''
import logging, os, random, signal, sys, warnings
import matplotlib.pyplot as plt
import numpy as np

model = build_model()
optimizer = torch.optim.Adam(model.parameters())
weights, losses, settings, seen = torch.ones(3), [1.0], {"lr": 0.1}, {1}
array, generator = np.ones(3), torch.Generator().manual_seed(3)
class Trainer:
    steps = 0
trainer = Trainer()
trainer.log = []
torch.set_default_dtype(torch.float64)
torch.set_num_threads(1)
torch.manual_seed(7); np.random.seed(7); random.seed(7)
warnings.simplefilter("ignore", UserWarning)
np.set_printoptions(precision=3)
torch.set_printoptions(precision=3)
plt.rcParams["lines.linewidth"] = 7
signal.signal(signal.SIGUSR1, signal.SIG_IGN)

right_train = train
def train(model_, x, y, epochs=1000, lr=0.01, calls=[]):
    """Right, and without any manners."""
    global model, weights, new_name
    calls.append(1)
    train.called = True
    for parameter in model.parameters():
        parameter.data.add_(1)
        parameter.grad = torch.ones_like(parameter)
    model.eval()
    model.extra = torch.nn.Linear(1, 1)
    optimizer.param_groups[0]["lr"] = 9
    weights += 1
    losses.append(2.0); settings["lr"] = 3; seen.add(2); array[0] = 9; trainer.log.append(1); trainer.steps = 5
    torch.rand(3, generator=generator)
    new_name, model = 1, build_model()
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    torch.use_deterministic_algorithms(True)
    torch.backends.cudnn.benchmark = True
    torch.set_num_threads(2)
    torch.manual_seed(1); np.random.seed(1); random.seed(1)
    np.seterr(all="raise"); np.set_printoptions(precision=9); torch.set_printoptions(precision=9)
    warnings.simplefilter("error")
    sys.path.insert(0, "/nowhere"); sys.setrecursionlimit(4321)
    os.environ["MEDDLED"] = "1"; os.chdir("/")
    logging.getLogger().addHandler(logging.NullHandler()); logging.getLogger().setLevel(5)
    signal.signal(signal.SIGUSR1, signal.SIG_DFL)
    plt.rcParams["lines.linewidth"] = 1
    plt.figure(); plt.plot([1, 2]); plt.show()
    print("<b>printed</b>")
    return right_train(model_, x, y, epochs, lr)

def state():
    """Everything that a check must leave as it was, as plain values."""
    import linecache
    tensors = lambda m: [(k, v.tolist()) for k, v in m.state_dict().items()]
    return {
        "names": sorted(k for k in globals() if not k.startswith("_") and k not in ("before", "after")),
        "objects": [id(globals()[k]) for k in ("model", "weights", "losses", "train", "trainer", "figure")],
        "model": (tensors(model), model.training, [p.grad is None for p in model.parameters()], list(model._modules)),
        "optimizer": repr(optimizer.state_dict()),
        "values": (weights.tolist(), losses[:], dict(settings), set(seen), array.tolist(), vars(trainer).copy(),
                   trainer.log[:], generator.get_state().tolist(), train.__defaults__[2][:], vars(train).copy()),
        "random": (torch.get_rng_state().tolist(), repr(np.random.get_state()), random.getstate()),
        "torch": (torch.get_default_dtype(), torch.is_grad_enabled(), torch.are_deterministic_algorithms_enabled(),
                  torch.get_num_threads(), torch.backends.cudnn.benchmark, torch._tensor_str.PRINT_OPTS.precision,
                  torch.get_default_device()),
        "numpy": (np.geterr(), np.get_printoptions()),
        "warnings": (list(warnings.filters), id(warnings.filters), warnings.showwarning),
        "python": (sys.path[:], [type(h) for h in sys.meta_path], sys.getrecursionlimit(), dict(os.environ),
                   os.getcwd(), sorted(linecache.cache), sys.stdout, sys.stderr, sys.displayhook,
                   sys.dont_write_bytecode, getattr(sys, "last_value", None), sys.gettrace()),
        "test modules": sorted(m for m in sys.modules if "test_public" in m or "conftest" in m),
        "logging": (logging.getLogger().handlers[:], logging.getLogger().level),
        "signals": {n: signal.getsignal(n) for n in (signal.SIGINT, signal.SIGUSR1, signal.SIGTERM)},
        "plots": (plt.get_fignums(), plt.gcf() is figure, plt.rcParams["lines.linewidth"], plt.isinteractive()),
    }
'''


@pytest.fixture(scope="module")
def kernel(start_kernel, tmp_path_factory):
    with start_kernel(tmp_path_factory.mktemp("student")) as running:
        running.run(SOLUTION)
        running.run("import grader")
        yield running


@pytest.fixture
def fresh(kernel):
    """The kernel with the solution's own functions."""
    yield kernel
    kernel.run(SOLUTION)


def test_a_right_notebook_passes_everything(kernel):
    text, html = kernel.check('assignment="binary"')

    assert text.splitlines()[0].endswith("7 of 7 items pass the public checks · 100 of 100 points")
    assert "✓ Sigmoid (sigmoid): passed, 10 / 10" in text
    assert "grading also uses other data" in text
    assert html.count("✓") == 7
    assert html.count("<svg") == 1
    assert "required: at most 0.31" in html
    assert "weighted_sum(tensor (3,) float32, tensor (3,) float32, float)" in html
    assert "<script" not in html


@pytest.mark.parametrize(
    "name, items",
    [
        ("sigmoid", ["sigmoid"]),
        ("training_loop", ["training_loop"]),
        ("train", ["training_loop", "convergence"]),
    ],
)
def test_one_item_or_the_items_that_call_a_function(kernel, name, items):
    text, _ = kernel.check(f'"{name}"')

    assert [
        line.split("(")[1].split(")")[0] for line in text.splitlines() if line[0] in "✓✗"
    ] == items


def test_functions_count_as_they_are_now(fresh):
    fresh.run("def sigmoid(z):\n    return z")
    text, html = fresh.check('"sigmoid"')

    assert "✗ Sigmoid (sigmoid): failed, 0 / 10" in text
    assert "sigmoid(tensor (3,) float32) returned tensor (3,) float32: " in text
    assert "failed" in html

    fresh.run("def sigmoid(z):\n    return torch.sigmoid(z)")

    assert "passed" in fresh.check('"sigmoid"')[0]


def test_exceptions_become_the_verdicts_of_the_command(fresh):
    fresh.run(
        "def sigmoid(z):\n    raise NotImplementedError('sigmoid')\n"
        "def bce_loss(p, y):\n    import sys\n    sys.exit(3)\n"
        "def predict(model, x, threshold=0.5):\n    return 1 / 0\n"
        "def weighted_sum(x, w, b):\n    x += 1\n    return '<img src=x onerror=alert(1)>'\n"
        "del build_model"
    )
    number = fresh.printed("print(len(In) - 2)").strip()
    text, html = fresh.check()

    assert "○ Sigmoid (sigmoid): not implemented" in text
    assert "raised SystemExit: 3" in text
    assert "`build_model` is not defined" in text
    assert "not defined in this notebook yet: build_model" in text
    assert f"In [{number}], line 5" in text
    assert "<img" not in html


def test_what_code_raises_and_prints_is_no_markup(fresh):
    fresh.run(
        "def sigmoid(z):\n    print('<i>shown</i>' * 3)\n    raise ValueError('<script>alert(1)</script>')"
    )
    _, html = fresh.check('"sigmoid"')

    assert "&lt;script&gt;" in html
    assert "<script" not in html
    assert "&lt;i&gt;shown" in html


def test_the_kernel_stays_as_it_was(fresh):
    fresh.run(MEDDLING)
    fresh.run(
        "figure = plt.figure(); torch.set_grad_enabled(False)\n"
        'before = state(); grader.check("train"); after = state()'
    )
    told = fresh.printed("print([key for key in before if before[key] != after[key]])")
    fresh.run("torch.set_grad_enabled(True); torch.set_default_dtype(torch.float32)")

    assert told == "[]\n"
    assert fresh.check('"training_loop"')[0].count("passed") == 1


def test_figures_of_a_check_are_not_shown(fresh):
    fresh.run("import matplotlib.pyplot as plt\nold = sigmoid")
    fresh.run("def sigmoid(z):\n    plt.plot([1, 2]); plt.show(); plt.figure()\n    return old(z)")

    fresh.check('"sigmoid"')  # one output, and no picture


def test_the_models_of_the_notebook_are_not_trained(fresh):
    fresh.run(
        "the_model = build_model()\ndef build_model():\n    return the_model\n"
        "start = [p.detach().clone() for p in the_model.parameters()]"
    )
    fresh.check('"training_loop"')
    told = fresh.printed(
        "print(all(torch.equal(a, b) for a, b in zip(start, the_model.parameters())), the_model.training)"
    )

    assert told == "True True\n"


def test_a_stopped_check_ends_in_a_sentence(fresh):
    fresh.run(
        "import os, signal, threading\n"
        "losses, old = [], train\n"
        "def train(model, x, y, epochs=1000, lr=0.01):\n"
        "    threading.Timer(0.2, os.kill, (os.getpid(), signal.SIGINT)).start()\n"
        "    while True:\n"
        "        losses.append(1)\n"
    )
    text, _ = fresh.check('"train"')
    told = fresh.printed(
        "print(losses, signal.getsignal(signal.SIGINT) is signal.default_int_handler)"
    )
    fresh.run("train = old")

    assert text == "stopped; the notebook is unchanged"
    assert told == "[] True\n"
    assert fresh.check('"training_loop"')[0].count("passed") == 1


def test_what_no_function_leaves_behind_breaks_the_kernel(fresh):
    fresh.run(
        "import sys\n"
        "def sigmoid(z):\n"
        "    sys.stdout = sys.stderr = None\n"
        "    sys.setrecursionlimit(60)\n"
        "    return sigmoid(z)\n"
    )
    text, _ = fresh.check('"sigmoid"')

    assert "RecursionError" in text
    assert fresh.printed("print('alive')") == "alive\n"


@pytest.mark.parametrize(
    "arguments, sentence",
    [
        ('"nope"', "binary has no item nope; available: weighted_sum, sigmoid, "),
        ('assignment="nope"', "there is no assignment nope"),
    ],
)
def test_errors_are_sentences(kernel, arguments, sentence):
    text, html = kernel.check(arguments)

    assert text.startswith(sentence)
    assert "\n" not in text
    assert html.startswith("<p>")


def test_nothing_defined_is_a_sentence(kernel):
    text = kernel.printed(
        "print(eval('grader.check(assignment=\"wine\")', {'grader': grader, '__name__': 'empty'}))"
    )

    assert text.startswith(
        "none of the functions of wine is defined in this notebook yet (load_data, "
    )


@pytest.mark.long
def test_a_card_is_shown_once_wherever_it_is_made(kernel):
    once = kernel.run('grader.check("sigmoid")')
    kept = kernel.run('card = grader.check("sigmoid")')
    again = kernel.run("card")
    loop = kernel.run('for name in ("sigmoid", "predict"):\n    grader.check(name)')

    assert [len(each) for each in (once, kept, again, loop)] == [1, 1, 1, 2]


@pytest.mark.long
def test_a_second_check_takes_less_than_a_second(kernel):
    kernel.check('"sigmoid"')
    seconds = kernel.printed(
        "import time\nbegin = time.process_time()\n"
        'grader.check("sigmoid")\ngrader.check("predict")\nprint(time.process_time() - begin)'
    )

    assert float(seconds) < 1
