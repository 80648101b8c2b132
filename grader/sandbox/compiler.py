"""PyTorch's compiler, which takes as long to import as PyTorch, is imported when more than an optimizer asks for it."""

import sys
from collections.abc import Callable
from importlib.abc import Loader
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import spec_from_loader
from types import ModuleType
from typing import Any

COMPILER = "torch._dynamo"


def postpone() -> None:
    """Put a module in the compiler's place that becomes it on first use.

    Each optimizer asks the compiler to leave it alone, which has no effect on code that isn't compiled.
    """
    import torch

    spec = PathFinder.find_spec(COMPILER, torch.__path__)
    if COMPILER in sys.modules or spec is None:
        return
    module = _Postponed(COMPILER)
    module.__spec__, module.__file__, module.__package__ = spec, spec.origin, COMPILER
    module.__path__ = spec.submodule_search_locations or []
    module.__dict__.update(disable=_disable, graph_break=_graph_break)
    sys.modules[COMPILER] = torch._dynamo = module
    sys.meta_path.insert(0, _Parts())


class _Postponed(ModuleType):
    def __getattr__(self, name: str) -> Any:
        self.__class__ = ModuleType  # type: ignore[assignment]
        if self.__spec__ and self.__spec__.loader:
            self.__spec__.loader.exec_module(self)
        return getattr(self, name)


def _disable(
    fn: Callable[..., Any] | None = None, *options: object, **more: object
) -> Callable[..., Any]:
    return fn if fn is not None else lambda fn: fn


def _graph_break(msg: str = "") -> None: ...


class _Parts:
    """Finds parts of the compiler: the whole comes first, and imports most of them."""

    def find_spec(self, name: str, path: object = None, target: object = None) -> ModuleSpec | None:
        whole = sys.modules.get(COMPILER)
        if not name.startswith(f"{COMPILER}.") or not isinstance(whole, _Postponed):
            return None
        whole.__getattr__("__loader__")
        part = sys.modules.get(name)
        return None if part is None else spec_from_loader(name, _Imported(part))


class _Imported(Loader):
    def __init__(self, module: ModuleType) -> None:
        self._module, self._spec = module, module.__spec__

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        return self._module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._spec
