"""What must be installed before anything can be checked, told in one sentence where it isn't."""

import re
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec

from grader.model.errors import UserError
from grader.model.text import tr

OLDEST_TORCH = (2, 4)
STAFF = (
    *("alembic", "jupytext", "markdown_it", "markupsafe", "matplotlib", "nbconvert", "nh3"),
    *("pandas", "pygments", "ruff", "scipy", "sklearn", "sqlalchemy", "tomli_w", "tomlkit"),
    *("tqdm", "yaml"),
)
"""What the extra `staff` installs, by the names by which it is imported."""
SERVE = ("multipart", "prometheus_client", "starlette", "uvicorn")
"""What the extra `serve` installs besides, by the names by which it is imported."""
CLUSTER = ("asyncssh", "cryptography", "dask_jobqueue", "distributed")
"""What the extra `cluster` installs besides, by the names by which it is imported."""


def require_torch() -> None:
    """Refuse to go on without a PyTorch that is new enough. It isn't imported for that.

    Raises:
        UserError: there is none, or one that is older than `OLDEST_TORCH`.
    """
    oldest = ".".join(map(str, OLDEST_TORCH))
    try:
        there = find_spec("torch") is not None
    except ImportError:
        there = False
    if not there:
        raise UserError(
            tr("PyTorch is not installed; install it: pip install 'torch>={oldest}'", oldest=oldest)
        )
    try:
        installed = version("torch")
    except PackageNotFoundError:  # built by hand; it may be as new as can be
        return
    numbers = tuple(map(int, re.findall(r"\d+", installed)[:2]))
    if numbers < OLDEST_TORCH:
        raise UserError(
            tr(
                "PyTorch {installed} is too old; upgrade it: pip install 'torch>={oldest}'",
                installed=installed,
                oldest=oldest,
            )
        )


def require_staff() -> None:
    """Refuse to go on where only what students need is installed.

    Raises:
        UserError: PyTorch or a package of the extra `staff` is missing.
    """
    require_torch()
    _require(STAFF, "staff")


def require_web() -> None:
    """Refuse to go on without what the web pages need.

    Raises:
        UserError: a package of the extra `serve` is missing.
    """
    _require(SERVE, "serve")


def require_cluster() -> None:
    """Refuse to go on without what grading on a cluster needs.

    Raises:
        UserError: a package of the extra `cluster` is missing.
    """
    _require(CLUSTER, "cluster")


def _require(packages: tuple[str, ...], extra: str) -> None:
    if missing := [name for name in packages if find_spec(name) is None]:
        raise UserError(
            tr(
                "this command needs packages that aren't installed ({names}): run pip install"
                " 'torch-grader[{extra}]'",
                names=", ".join(missing),
                extra=extra,
            )
        )
