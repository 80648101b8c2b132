"""Save and restore the kernel's state: its settings and the values of its names."""

import contextlib
import copy
import linecache
import logging
import os
import random
import signal
import sys
import threading
import types
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import torch

from grader.sandbox import seed_all

Undo = Callable[[], None]
_Pair = tuple[Callable[[], Any], Callable[[Any], object]]

MAX_BYTES = 2**30
"""The maximum size of copied tensors and arrays; beyond it, they aren't restored."""

_ATOMS = (type(None), bool, int, float, complex, str, bytes, type, types.ModuleType)
_MISSING = object()


# --- what libraries hold


def library_settings() -> Undo:
    """Return a function that restores the current settings and random generators of PyTorch, NumPy and Python."""
    saved = [(read(), read, write) for read, write in _settings()]
    generators = [(read(), write) for read, write in _generators()]
    printing = copy.copy(vars(torch._tensor_str.PRINT_OPTS))

    def undo() -> None:
        for value, read, write in saved:
            if read() != value:
                write(value)
        for value, write in generators:
            write(value)
        vars(torch._tensor_str.PRINT_OPTS).update(printing)

    return undo


def neutral_settings() -> None:
    """Set the defaults that checks expect, as in a fresh Python."""
    torch.set_default_dtype(torch.float32)
    torch.set_grad_enabled(True)
    if torch.get_default_device().type != "cpu":
        torch.set_default_device(None)


def _settings() -> Iterator[_Pair]:
    """What can be read, compared and written."""
    yield torch.get_default_dtype, torch.set_default_dtype
    yield torch.get_default_device, torch.set_default_device
    yield torch.is_grad_enabled, torch.set_grad_enabled
    yield torch.get_num_threads, torch.set_num_threads
    yield torch.is_warn_always_enabled, torch.set_warn_always
    yield torch.get_float32_matmul_precision, torch.set_float32_matmul_precision
    yield (
        lambda: (
            torch.are_deterministic_algorithms_enabled(),
            torch.is_deterministic_algorithms_warn_only_enabled(),
        ),
        lambda now: torch.use_deterministic_algorithms(now[0], warn_only=now[1]),
    )
    yield (
        lambda: (torch.is_anomaly_enabled(), torch.is_anomaly_check_nan_enabled()),
        lambda now: torch.set_anomaly_enabled(*now),
    )
    for name in ("enabled", "deterministic", "benchmark"):
        yield _attribute(torch.backends.cudnn, name)
    yield np.geterr, lambda now: np.seterr(**now)
    yield np.get_printoptions, lambda now: np.set_printoptions(**now)


def _generators() -> Iterator[_Pair]:
    """The states of random generators."""
    yield torch.get_rng_state, torch.set_rng_state
    yield np.random.get_state, np.random.set_state
    yield random.getstate, random.setstate
    if torch.cuda.is_available() and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        yield torch.cuda.get_rng_state_all, torch.cuda.set_rng_state_all
    if torch.backends.mps.is_available():
        yield torch.mps.get_rng_state, torch.mps.set_rng_state


def _attribute(owner: object, name: str) -> _Pair:
    return lambda: getattr(owner, name), lambda value: setattr(owner, name, value)


class Sides:
    """Separate settings for the student's functions and for the checks."""

    def __init__(self, held: "Held") -> None:
        """The student's are those of the kernel now, the checks' are those of a Python that has just started."""
        self._held = held
        self._kernel = self._students = library_settings()
        neutral_settings()

    @contextlib.contextmanager
    def student(self) -> Iterator[None]:
        """Let a function of the student run."""
        checks = library_settings()
        self._students()
        try:
            yield
        finally:
            self._students = library_settings()
            checks()

    def refresh(self) -> None:
        """Restore the kernel's values and the random state, so that a check gives the same result each time."""
        self._held.put_back()
        self._students = self._kernel
        with self.student():
            seed_all()

    def put_back(self) -> None:
        """Restore names and settings."""
        self._held.put_back()
        self._kernel()


@contextlib.contextmanager
def unchanged(held: "Held", sink: Any) -> Iterator[Sides]:
    """Run checks and leave the kernel unchanged.

    Printed output goes to `sink`; displayed output is dropped.
    """
    undo = python_settings()
    sides = Sides(held)
    try:
        with contextlib.ExitStack() as stack:
            stack.enter_context(warnings.catch_warnings())
            if "IPython" in sys.modules:
                from IPython.utils.capture import capture_output

                stack.enter_context(capture_output(stdout=False, stderr=False, display=True))
            stack.enter_context(contextlib.redirect_stdout(sink))
            stack.enter_context(contextlib.redirect_stderr(sink))
            sys.dont_write_bytecode = True
            yield sides
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGINT, signal.SIG_IGN)  # until `undo`, which knows the handler
        sides.put_back()
        undo()


# --- what Python holds


def python_settings() -> Undo:
    """Return what puts Python's own state back as it is now: paths, hooks, warnings, logging, signals, plots."""
    undos = [
        *map(_contents, (sys.path, sys.meta_path, sys.path_hooks, sys.argv)),
        _environment(),
        _mapping(linecache.cache),
        _attributes(sys, "stdout", "stderr", "stdin", "displayhook", "excepthook"),
        _attributes(sys, "last_type", "last_value", "last_traceback", "last_exc"),
        _attributes(sys, "dont_write_bytecode"),
        _working_folder(),
        *_logging(),
        *_signals(),
        *_plots(),
    ]
    limit, tracer = sys.getrecursionlimit(), sys.gettrace()

    def undo() -> None:
        for each in undos:
            with contextlib.suppress(
                Exception
            ):  # one that can't be put back doesn't keep the others
                each()
        sys.setrecursionlimit(limit)
        if sys.gettrace() is not tracer:
            sys.settrace(tracer)

    return undo


def _contents(values: Any) -> Undo:
    before = list(values)

    def undo() -> None:
        if not _same(values, before):
            values[:] = before

    return undo


def _mapping(values: Any) -> Undo:
    before = dict(values)

    def undo() -> None:
        for key in [key for key in values if key not in before]:
            del values[key]
        for key, value in before.items():
            if values.get(key, _MISSING) is not value:
                values[key] = value

    return undo


def _attributes(owner: Any, *names: str) -> Undo:
    before = {name: getattr(owner, name, _MISSING) for name in names}

    def undo() -> None:
        for name, value in before.items():
            if value is _MISSING:
                with contextlib.suppress(AttributeError):
                    delattr(owner, name)
            elif getattr(owner, name, _MISSING) is not value:
                setattr(owner, name, value)

    return undo


def _environment() -> Undo:
    before = dict(os.environ)

    def undo() -> None:
        if dict(os.environ) != before:
            os.environ.clear()
            os.environ.update(before)

    return undo


def _working_folder() -> Undo:
    here = Path.cwd()

    def undo() -> None:
        with contextlib.suppress(OSError):
            os.chdir(here)

    return undo


def _logging() -> Iterator[Undo]:
    loggers = [
        each
        for each in logging.root.manager.loggerDict.values()
        if isinstance(each, logging.Logger)
    ]
    for logger in (logging.root, *loggers):
        yield _contents(logger.handlers)
        yield _contents(logger.filters)
        yield _attributes(logger, "level", "disabled", "propagate")
    yield _attributes(logging.root.manager, "disable")


def _signals() -> Iterator[Undo]:
    if threading.current_thread() is not threading.main_thread():
        return
    for number in signal.valid_signals():
        handler = signal.getsignal(number)
        if handler is not None:
            yield lambda n=number, h=handler: signal.getsignal(n) is h or signal.signal(n, h)  # type: ignore[misc]


def _plots() -> Iterator[Undo]:
    """Set existing figures aside, because `plt.show()` would show and close them too."""
    if "matplotlib.pyplot" not in sys.modules:
        yield _close_figures  # a student's function may load it
        return
    from matplotlib import _pylab_helpers, pyplot

    settings = dict.copy(pyplot.rcParams)
    interactive = pyplot.isinteractive()
    helper: Any = _pylab_helpers.Gcf
    figures, helper.figs = helper.figs, type(helper.figs)()

    def undo() -> None:
        _close_figures()
        helper.figs = figures
        dict.update(pyplot.rcParams, settings)
        if pyplot.isinteractive() != interactive:
            (pyplot.ion if interactive else pyplot.ioff)()

    yield undo


def _close_figures() -> None:
    pyplot = sys.modules.get("matplotlib.pyplot")
    if pyplot is not None:
        pyplot.close("all")


def forget_modules(folder: Path) -> None:
    """Remove modules loaded from files in a folder from `sys.modules`."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None)
        if isinstance(file, str) and Path(file).parent == folder:
            del sys.modules[name]


# --- what the student's names hold


class Held:
    """What namespaces hold, to be put back: their names, and what their lists, dicts, sets, arrays, tensors, models,
    optimizers, generators and objects of the student's own classes hold.
    """

    def __init__(self, *namespaces: dict[str, Any]) -> None:
        """Save the current state."""
        self.complete = True
        """False if tensors and arrays were too large to copy."""
        self._left = MAX_BYTES
        self._undos: list[Undo] = []
        self._seen: dict[int, object] = {}
        self._homes = {str(each.get("__name__")) for each in namespaces}
        for namespace in namespaces:
            self._look(namespace)

    def put_back(self) -> None:
        """Restore everything; can be called repeatedly."""
        for undo in self._undos:
            with contextlib.suppress(
                Exception
            ):  # one that can't be put back doesn't keep the others
                undo()

    def _look(self, value: Any) -> None:
        if isinstance(value, _ATOMS) or id(value) in self._seen:
            return
        self._seen[id(value)] = value  # kept, so that no other gets its id
        inner: list[object] = []
        match value:
            case torch.Tensor():
                self._tensor(value)
            case np.ndarray():
                self._array(value)
            case dict():
                self._undos.append(_mapping(value))
                inner = [*value.values(), *value.keys()]
            case list():
                self._undos.append(_contents(value))
                inner = value
            case set():
                self._undos.append(_set(value))
            case tuple():
                inner = [*value]
            case torch.Generator():
                self._undos.append(_state(value.get_state, value.set_state))
            case random.Random():
                self._undos.append(_state(value.getstate, value.setstate))
            case np.random.Generator():
                self._undos.append(_state(*_attribute(value.bit_generator, "state")))
            case np.random.RandomState():
                self._undos.append(_state(value.get_state, value.set_state))
            case types.FunctionType():
                inner = [vars(value), value.__defaults__, value.__kwdefaults__]
            case _ if self._is_known(value):
                inner = [vars(value)]
        for each in inner:
            self._look(each)

    def _is_known(self, value: object) -> bool:
        libraries = (torch.nn.Module, torch.optim.Optimizer, torch.optim.lr_scheduler.LRScheduler)
        own = type(value).__module__ in self._homes
        return (own or isinstance(value, libraries)) and hasattr(value, "__dict__")

    def _fits(self, count: int) -> bool:
        self._left -= count
        self.complete = self.complete and self._left >= 0
        return self._left >= 0

    def _tensor(self, value: torch.Tensor) -> None:
        if value.layout is not torch.strided or value.is_meta:
            return
        if not self._fits(value.numel() * value.element_size()):
            return
        saved = value.detach().clone()
        leaf, needs = value.is_leaf, value.requires_grad
        gradient = value.grad if leaf else None

        def undo() -> None:
            now = value.data
            if (now.shape, now.dtype, now.device) != (saved.shape, saved.dtype, saved.device):
                value.data = saved.clone()
            elif not torch.equal(now, saved):
                now.copy_(saved)
            if leaf and value.is_leaf:
                if value.grad is not gradient:
                    value.grad = gradient
                if value.requires_grad != needs:
                    value.requires_grad_(needs)

        self._undos.append(undo)
        self._look(gradient)

    def _array(self, value: np.ndarray[Any, Any]) -> None:
        if not value.flags.writeable or not self._fits(value.nbytes):
            return
        saved = value.copy()

        def undo() -> None:
            if value.tobytes() != saved.tobytes():
                value[...] = saved

        self._undos.append(undo)


def _set(value: set[Any]) -> Undo:
    before = set(value)

    def undo() -> None:
        if value != before:
            value.clear()
            value.update(before)

    return undo


def _state(read: Callable[[], Any], write: Callable[[Any], object]) -> Undo:
    before = copy.deepcopy(read())
    return lambda: (write(before), None)[1]


def _same(values: Any, before: list[Any]) -> bool:
    return len(values) == len(before) and all(a is b for a, b in zip(values, before, strict=True))
