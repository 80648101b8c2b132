"""Runs in the student's process: loads the submission and answers calls. None of its answers can be trusted."""

import __future__

import array
import asyncio
import contextlib
import errno
import functools
import gc
import inspect
import linecache
import operator
import os
import random
import signal
import socket
import sys
import tempfile
import traceback
import types
import warnings
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch

from grader.model.submission import SHELL
from grader.sandbox import accelerators, wire
from grader.sandbox.statements import GUARD, Guard
from grader.sandbox.wire import (
    Call,
    Fork,
    Frame,
    Kind,
    Load,
    Loaded,
    Raised,
    Ready,
    Ref,
    Reply,
    Request,
    Returned,
    Skipped,
)

MODULE = "submission"
"""The `__name__` of a submission: not `__main__`, so that a guarded demonstration doesn't run."""
_GRADER = __name__.partition(".")[0]
_MAX_TEXT = 2000
_MAX_FRAMES = 20
_MAX_SKIPPED = 100
_MAX_NAMES = 100


class Channel(Protocol):
    """A connection to the trusted process."""

    def send(self, frame: bytes) -> None:
        """Send a whole frame."""

    def receive(self) -> tuple[bytes, bytearray] | None:
        """Return the two parts of the next frame, None if the other side has closed the connection."""


class SocketChannel:
    """A channel over a socket, which can also bring descriptors."""

    def __init__(self, sock: socket.socket) -> None:
        self._socket = sock
        self.fds: list[int] = []

    def send(self, frame: bytes) -> None:
        """Send a whole frame."""
        self._socket.sendall(frame)

    def receive(self) -> tuple[bytes, bytearray] | None:
        """Return the two parts of the next frame; descriptors sent with it are appended to `fds`."""
        header = self._read(wire.HEADER.size)
        if header is None:
            return None
        structure, bulk = wire.lengths(bytes(header))
        first, second = self._read(structure), self._read(bulk)
        return None if first is None or second is None else (bytes(first), second)

    def _read(self, count: int) -> bytearray | None:
        data = bytearray(count)
        view, done = memoryview(data), 0
        while done < count:
            size, ancillary, _, _ = self._socket.recvmsg_into([view[done:]], socket.CMSG_SPACE(4))
            for _, kind, payload in ancillary:
                if kind == socket.SCM_RIGHTS:
                    self.fds.extend(array.array("i", payload[:4]))
            if not size:
                return None
            done += size
        return data


def greet(sock: socket.socket, handed_over: int | None) -> None:
    """Send a process's first frame and hand over a descriptor, which is then closed here."""
    frame = wire.encode(Ready())
    if handed_over is None:
        sock.sendall(frame)
    else:
        socket.send_fds(sock, [frame], [handed_over])
        os.close(handed_over)


class Worker:
    """The submission, and those of its objects that the trusted side has handles for."""

    def __init__(self, in_copy: Callable[[], None] | None = None) -> None:
        """`in_copy` is called in each copy that a `Fork` request makes; without it, the request is refused."""
        self._in_copy = in_copy
        self._module = types.ModuleType(MODULE)
        self._objects: list[object] = []
        self._cells: Mapping[str, str] = {}
        """Maps the file names that Python uses for the submission's code to their names in messages."""
        self._theirs: BaseException | None = None
        """The exception that the student's code or model raised within one of our operations."""

    def serve(self, channel: Channel) -> None:
        """Answer requests until the other side closes the connection."""
        while (parts := channel.receive()) is not None:
            try:
                request = self._request(parts)
            except Exception as error:
                channel.send(wire.encode(self._told(_InternalError.of(error))))
                continue
            if isinstance(request, Fork):
                channel = self._fork(channel)
            else:
                channel.send(self._reply(request))

    def answer(self, parts: tuple[bytes, bytearray]) -> bytes:
        """Answer a frame with a frame. An exception of the submission is part of the answer."""
        try:
            request = self._request(parts)
        except Exception as error:
            return wire.encode(self._told(_InternalError.of(error)))
        return self._reply(request)

    def _reply(self, request: Request) -> bytes:
        try:
            if isinstance(request, Load):
                return wire.encode(self._load(request))
            assert isinstance(request, Call)
            return self._call(request)
        except BaseException as error:
            return wire.encode(self._told(error))

    def _request(self, parts: tuple[bytes, bytearray]) -> Request:
        return wire.decode_request(*parts, self._resolve)

    def _fork(self, channel: Channel) -> Channel:
        """Return the channel to answer on: the new one in the copy, the old one in the original."""
        if not isinstance(channel, SocketChannel) or self._in_copy is None:
            raise RuntimeError("this worker can't fork")
        fd = channel.fds.pop()
        with contextlib.suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG)[0]:
                pass
        state = random.getstate()
        if os.fork():
            os.close(fd)
            return channel
        random.setstate(state)  # Python seeds it anew after a fork
        channel._socket.close()
        self._in_copy()
        sock = socket.socket(fileno=fd)
        greet(sock, None)
        return SocketChannel(sock)

    # --- loading

    def _load(self, request: Load) -> Reply:
        self._module = types.ModuleType(MODULE)
        self._module.__dict__["__builtins__"] = __builtins__
        self._objects = []
        self._cells = {name: name for name, _ in request.cells}
        accelerators.asked = False
        sys.modules[MODULE] = self._module
        sys.modules[_GRADER] = stub = _stub()
        shell = _Shell(self._module.__dict__)
        self._module.__dict__["get_ipython"] = lambda: shell  # also for scripts that were notebooks
        guard = Guard()
        self._module.__dict__.update({SHELL: shell, GUARD: guard})
        if request.notebook:
            self._module.__dict__.update({"display": print, "grader": stub})
        else:
            self._module.__file__ = str(Path.cwd() / next(iter(self._cells), ""))
        errors = []
        _alarm(request.cpu_seconds)
        flags = _TOP_LEVEL_AWAIT if request.notebook else 0
        for name, source in request.cells:
            # TorchScript and dataclasses ask for a function's source
            linecache.cache[name] = (len(source), None, source.splitlines(keepends=True), name)
            try:
                code = guard.compile(source, name, flags)
                flags |= code.co_flags & _FUTURE
                _run(code, self._module.__dict__)
            except BaseException as error:
                errors.append((name, self._told(error)))
        _alarm(0)
        skipped = [
            Skipped(
                _sendable(failure.statement),
                self._told(failure.error),
                failure.reason,
                _sendable(failure.about),
                [_sendable(name) for name in failure.names[:_MAX_NAMES]],
            )
            for failure in guard.failures[:_MAX_SKIPPED]
        ]
        return Loaded(errors, skipped, accelerators.asked)

    # --- calling

    def _call(self, request: Call) -> bytes:
        function = self._function(request)
        names = [] if request.own else _parameters(function)
        before = {} if request.own else _fingerprints(request, names)
        value = function(*request.args, **request.kwargs)
        after = {} if request.own else _fingerprints(request, names)
        changed = [name for name in before if before[name] != after[name]]
        with self._ours():
            return wire.encode(Returned(value, changed, accelerators.asked), self._refer)

    def _function(self, request: Call) -> Callable[..., object]:
        if request.own:
            return functools.partial(self._operate, request.function)
        return self._own_function(request.function)

    def _operate(self, operation: str, *args: object) -> object:
        with self._ours():
            return _OPERATIONS[operation](self, *args)

    @contextlib.contextmanager
    def _ours(self) -> Iterator[None]:
        """Turn exceptions of our own code into `_InternalError`; those of the student's code pass through."""
        try:
            yield
        except Exception as error:
            if error is self._theirs or self._frames(error) or _kind(error) != "error":
                raise
            raise _InternalError.of(error) from error

    @contextlib.contextmanager
    def _student(self) -> Iterator[None]:
        """Remember that an exception within one of our operations came from the student's code or model."""
        try:
            yield
        except BaseException as error:
            self._theirs = error
            raise

    def _own_function(self, name: str) -> Callable[..., Any]:
        function = getattr(self._module, name, None)
        if function is None:
            raise MissingError(name)
        return function  # type: ignore[no-any-return]

    def _refer(self, value: object) -> Ref:
        self._objects.append(value)
        module = wire.is_honest(value) and isinstance(value, torch.nn.Module)
        return Ref(len(self._objects) - 1, type(value).__name__, module)

    def _resolve(self, ref: Ref) -> object:
        known = 0 <= ref.id < len(self._objects)  # a forged handle harms only the submission itself
        return self._objects[ref.id] if known else None

    # --- telling

    def _told(self, error: BaseException) -> Raised:
        frames = self._frames(error)
        if isinstance(error, SyntaxError) and (cell := self._cells.get(error.filename or "")):
            frames.append(Frame(cell, error.lineno or 0, "<module>"))
        return Raised(
            exception=type(error).__name__,
            message=_words(error),
            kind=_kind(error, stub=_raised_by(error) in self._cells),
            name=_sendable(str(error.name)) if isinstance(error, NameError) and error.name else "",
            frames=frames[-_MAX_FRAMES:],
        )

    def _frames(self, error: BaseException) -> list[Frame]:
        """The lines of the submission in an exception's traceback."""
        return [
            Frame(self._cells[frame.filename], frame.lineno or 0, frame.name)
            for frame in traceback.extract_tb(error.__traceback__, limit=-200)
            if frame.filename in self._cells
        ]

    # --- the trusted side's own operations on what only this process has

    def seed(self, value: int) -> None:
        torch.manual_seed(value)

    def evaluate(self, model: Any, *inputs: object) -> object:
        """The model's outputs in evaluation mode, without a gradient graph."""
        modules = torch.nn.Module.modules(model) if isinstance(model, torch.nn.Module) else ()
        training = [module for module in modules if module.training]
        for module in training:  # not model.eval(): it calls train(), which may be redefined
            module.training = False
        try:
            with torch.no_grad(), self._student():
                return model(*(_beside(model, each) for each in inputs))
        finally:
            for module in training:  # not model.train(), which would switch the others, too
                module.training = True

    def parameters(self, model: torch.nn.Module) -> list[torch.Tensor]:
        return [p.detach().clone() for p in self._parameters(model)]

    def gradients(self, model: torch.nn.Module) -> list[torch.Tensor]:
        """The gradients of the parameters that have one."""
        return [p.grad.clone() for p in self._parameters(model) if p.grad is not None]

    def leave_gradients(self, model: torch.nn.Module, gradients: list[torch.Tensor]) -> None:
        """Leave a gradient on every parameter, as an interrupted training would."""
        for p, gradient in zip(self._parameters(model), gradients, strict=True):
            p.grad = gradient.to(p.dtype)

    def _parameters(self, model: torch.nn.Module) -> list[torch.Tensor]:
        """The model's parameters with tensors kept as attributes, without those that have no values yet."""
        with self._student():
            parameters: list[torch.Tensor] = list(model.parameters())
            for module in model.modules():
                parameters += [
                    p
                    for p in vars(module).values()
                    if isinstance(p, torch.Tensor) and p.requires_grad
                ]
        return [
            p
            for p in {id(p): p for p in parameters}.values()
            if wire.is_honest(p)
            and isinstance(p, torch.Tensor)
            and not torch.nn.parameter.is_lazy(p)
        ]

    def input_gradient(self, function: str, *args: torch.Tensor) -> list[object]:
        """A function's value, and its gradient with respect to its first argument (None if there is none)."""
        leaf = args[0].clone().requires_grad_()
        with self._student():
            value = self._own_function(function)(leaf, *args[1:])
            if isinstance(value, torch.Tensor) and value.requires_grad:
                value.sum().backward()  # type: ignore[no-untyped-call]
        return [value, leaf.grad]

    def fit(
        self, model: torch.nn.Module, loss: str, x: torch.Tensor, y: torch.Tensor, epochs: int
    ) -> None:
        """Train with a plain loop and Adam.

        Raises:
            _UnfitError: this loop can't train the model.
        """
        try:
            with self._student():
                optimizer = torch.optim.Adam(model.parameters(), lr=0.05)
                for module in torch.nn.Module.modules(model):
                    module.training = True
                for _ in range(epochs):
                    optimizer.zero_grad()
                    _LOSSES[loss](model(_beside(model, x)), y).backward()  # type: ignore[no-untyped-call]
                    optimizer.step()
        except Exception as error:
            if self._frames(error) or _kind(error) != "error":
                raise
            raise _UnfitError(f"{type(error).__name__}: {_words(error)}") from error


_OPERATIONS: dict[str, Any] = {
    f.__name__: f
    for f in (
        Worker.seed,
        Worker.evaluate,
        Worker.parameters,
        Worker.gradients,
        Worker.leave_gradients,
        Worker.input_gradient,
        Worker.fit,
    )
}

_LOSSES: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "bce": lambda p, y: torch.nn.functional.binary_cross_entropy(p, y.to(p.dtype)),
    "cross_entropy": torch.nn.functional.cross_entropy,
}

_TOP_LEVEL_AWAIT = 0x2000  # ast.PyCF_ALLOW_TOP_LEVEL_AWAIT, as in Jupyter
_FUTURE = functools.reduce(
    operator.or_, (getattr(__future__, n).compiler_flag for n in __future__.all_feature_names)
)


class _LoadTimeoutError(BaseException):
    """Loading the submission took too much time."""


def _alarm(cpu_seconds: float) -> None:
    """Raise `_LoadTimeoutError` in this process after this much CPU time; 0 cancels the alarm."""
    if not hasattr(signal, "setitimer"):
        return

    def ring(*_: object) -> None:
        raise _LoadTimeoutError(f"loading took more than {cpu_seconds:.0f} s")

    signal.signal(signal.SIGPROF, ring)
    signal.setitimer(signal.ITIMER_PROF, cpu_seconds, 1.0 if cpu_seconds else 0.0)


class MissingError(Exception):
    """The submission doesn't define the function that was called."""


class _UnfitError(Exception):
    """The grader's own loop can't train the student's model."""


class _InternalError(Exception):
    """Our own code failed, which says nothing about the student's."""

    @classmethod
    def of(cls, error: BaseException) -> "_InternalError":
        return cls("".join(traceback.format_exception(error))[-_MAX_TEXT:])


def _stub() -> types.ModuleType:
    """The `grader` module that a submission sees: checks in its notebook do nothing while it is graded."""
    stub = types.ModuleType(_GRADER)
    stub.check = lambda *_, **__: None  # type: ignore[attr-defined]
    return stub


class _Shell:
    """What `get_ipython()` returns. Magics do nothing, except that `%time` runs its line."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self._namespace = namespace

    def run_line_magic(self, name: str, line: str, *_: object) -> object:
        if name == "time" and line.strip():
            try:
                return eval(compile(line, "%time", "eval"), self._namespace)
            except SyntaxError:
                exec(compile(line, "%time", "exec"), self._namespace)
        return None

    def run_cell_magic(self, *_: object) -> None: ...

    def system(self, *_: object) -> None: ...

    def getoutput(self, *_: object) -> list[str]:
        return []

    def magic(self, *_: object) -> None: ...


def _run(code: types.CodeType, namespace: dict[str, Any]) -> None:
    if code.co_flags & inspect.CO_COROUTINE:
        asyncio.run(eval(code, namespace))
    else:
        exec(code, namespace)


def _parameters(function: Callable[..., object]) -> list[str]:
    """The names of a function's parameters that may be given by position."""
    try:
        parameters = inspect.signature(function).parameters.values()
        return [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    except (TypeError, ValueError):
        return []


def _fingerprints(call: Call, parameters: list[str]) -> dict[str, bytes]:
    """The encoded value of each argument, by name or else position (from 1). A model is encoded by its identity."""
    places = (str(i) for i in range(len(parameters) + 1, len(call.args) + 1))
    named = dict(zip([*parameters, *places], call.args, strict=False)) | call.kwargs
    return {name: _fingerprint(value) for name, value in named.items()}


def _fingerprint(value: object) -> bytes:
    try:
        return wire.encode(Returned(value), lambda other: Ref(id(other), ""))
    except wire.WireError:
        return b""


def _beside(model: Any, value: object) -> object:
    """A tensor on the device of a model's parameters, and floats in their precision."""
    first = next(model.parameters(), None) if isinstance(model, torch.nn.Module) else None
    if not isinstance(value, torch.Tensor) or not isinstance(first, torch.Tensor):
        return value
    both = value.is_floating_point() and first.is_floating_point()
    return value.to(first.device, first.dtype if both else None)


def _words(error: BaseException) -> str:
    try:
        words = error.msg if isinstance(error, SyntaxError) else str(error)
        return _sendable(str(words)[:_MAX_TEXT])
    except BaseException:
        return ""


def _sendable(words: str) -> str:
    return words.encode("utf-8", "replace").decode()


def _raised_by(error: BaseException) -> str:
    """The file whose code raised the exception itself."""
    frames = traceback.extract_tb(error.__traceback__, limit=-1)
    return frames[-1].filename if frames else ""


_KINDS: dict[type[BaseException], Kind] = {
    _LoadTimeoutError: "timeout",
    MissingError: "missing",
    _UnfitError: "unfit",
    _InternalError: "internal",
    wire.WireError: "unsendable",
}


def _kind(error: BaseException, stub: bool = False) -> Kind:
    if isinstance(error, NotImplementedError) and stub:
        return "not_implemented"
    if type(error) in _KINDS:
        return _KINDS[type(error)]
    lacking = isinstance(error, OSError) and error.errno == errno.ENOMEM
    if isinstance(error, MemoryError) or lacking or "can't allocate memory" in _words(error):
        return "memory"
    seen: BaseException | None = error
    for _ in range(10):
        if isinstance(seen, PermissionError):
            return "forbidden"
        reason = getattr(seen, "reason", None)
        seen = reason if isinstance(reason, BaseException) else seen and seen.__context__
        if seen is None:
            break
    return "error"


def adapt() -> None:
    """Adapt libraries to a process without notebook, threads and children. Called once, before any fork."""
    torch.set_num_threads(1)
    _without_worker_processes()
    accelerators.run_on_processor()
    seed_all()
    linecache.clearcache()
    _own_modules()


def prepare(workdir: Path) -> None:
    """Prepare what ordinary code expects: a folder of its own, output as UTF-8, plots without a display, a known random
    state."""
    os.chdir(workdir)
    sys.stdout = open(1, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", encoding="utf-8", errors="replace", buffering=1, closefd=False)  # noqa: SIM115
    os.environ.update(
        dict.fromkeys(("HOME", "TMPDIR", "MPLCONFIGDIR", "TORCHINDUCTOR_CACHE_DIR"), str(workdir)),
        MPLBACKEND="agg",
    )
    tempfile.tempdir = str(workdir)
    if hasattr(signal, "SIGXFSZ"):
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # a full disk raises OSError, kills nothing
    warnings.simplefilter("default")
    seed_all()
    gc.enable()


def hide_grader() -> None:
    """Replace this package by one module whose `check` does nothing, because a notebook may still call it."""
    for name in _own_modules():
        del sys.modules[name]
    linecache.clearcache()
    sys.modules[_GRADER] = _stub()
    sys.meta_path.insert(0, _Refusal())


class _Refusal:
    """Refuses to import this package, if a submission has removed the module that replaces it."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> None:
        if _is_grader(name):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


@functools.cache
def _own_modules() -> dict[str, types.ModuleType]:
    """Cached, so that nothing is freed after a fork: that would copy pages for milliseconds."""
    return {name: module for name, module in sys.modules.items() if _is_grader(name)}


def _is_grader(name: str) -> bool:
    return name.partition(".")[0] == _GRADER


def seed_all() -> None:
    """Set all random generators to the state in which submissions start."""
    torch.manual_seed(0)
    np.random.seed(0)
    random.seed(0)


def without_widgets() -> None:
    """Make `tqdm.notebook` print its bars, because there is no notebook to show widgets."""
    with contextlib.suppress(ImportError):
        import tqdm.notebook

        tqdm.notebook.tqdm = tqdm.notebook.tqdm_notebook = tqdm.tqdm
        tqdm.notebook.trange = tqdm.notebook.tnrange = tqdm.trange


def _without_worker_processes() -> None:
    """Make a `DataLoader` with `num_workers` load in its own process, because the sandbox allows no others."""
    loader = torch.utils.data.DataLoader
    original = loader.__init__

    def init(self: Any, *args: Any, **kwargs: Any) -> None:
        arguments = list(args)
        if len(arguments) > 5:
            arguments[5] = 0
        for name in ("num_workers", "prefetch_factor", "persistent_workers", "timeout"):
            kwargs.pop(name, None)
        original(self, *arguments, **kwargs)

    loader.__init__ = init  # type: ignore[method-assign]
