"""Check that this machine can grade, and explain what is missing."""

import platform
import sys
from importlib import metadata
from pathlib import Path

import msgspec

from grader.model.course import load_course
from grader.model.errors import InfrastructureError
from grader.model.text import Text, tr

_CORE = ("torch-grader", "torch", "numpy", "pytest")
_STAFF = ("scipy", "scikit-learn", "pandas", "matplotlib", "sqlalchemy")


class Finding(msgspec.Struct, frozen=True):
    """The result of one check."""

    good: bool
    text: Text


def examine() -> list[Finding]:
    """Return the findings in reading order."""
    python = tr(
        "Python {version} on {system} {release} ({machine})",
        version=platform.python_version(),
        system=platform.system(),
        release=platform.release(),
        machine=platform.machine(),
    )
    core = [_package(name, name) for name in _CORE]
    staff = [_package(name, "'torch-grader[staff]'") for name in _STAFF]
    found = [Finding(True, python), *core, *staff]
    return found + _sandbox() + _privacy() if all(each.good for each in found) else found


def _privacy() -> list[Finding]:
    """What `grader forget --expired` would remove from the results here."""
    from grader.gradebook import Gradebook
    from grader.gradebook.opening import FILE

    here = Path.cwd()
    results = here / "results"
    days = load_course(here).privacy.keep_days
    if days is None or not (results / FILE).is_file():
        return []
    with Gradebook(results) as book:
        count = len(book.expired(days))
    return [
        Finding(
            True,
            tr(
                "privacy: {count} students have been inactive for more than {days} days; "
                "`grader forget results --expired` removes their work",
                count=count,
                days=days,
            ),
        )
    ]


def _package(name: str, requirement: str) -> Finding:
    try:
        version = metadata.version(name)
    except metadata.PackageNotFoundError:
        return Finding(
            False,
            tr(
                "{name} isn't installed: run `pip install {requirement}`",
                name=name,
                requirement=requirement,
            ),
        )
    return Finding(True, Text(ko=f"{name} {version}", en=f"{name} {version}"))


def _sandbox() -> list[Finding]:
    if sys.platform != "linux":
        return [
            Finding(
                False,
                tr(
                    "the sandbox needs Linux; on this system only `grader check` works, for "
                    "your own code"
                ),
            )
        ]
    from grader.sandbox import Isolation, SandboxServer, landlock_abi

    abi = landlock_abi()
    landlock = (
        tr("Landlock, ABI {abi}", abi=abi)
        if abi
        else tr(
            "no Landlock: this needs Linux 5.13 or later with `landlock` in the boot option "
            "lsm= (see /sys/kernel/security/lsm) and, in a container, a seccomp profile that "
            "allows it"
        )
    )
    try:
        with SandboxServer() as server:
            isolation = server.isolation
    except InfrastructureError as error:
        isolation = Isolation("none", reason=str(error))
    holes = ", ".join(isolation.not_blocked)
    level = (
        tr("isolation: full (every escape attempt was blocked)")
        if isolation.level == "full"
        else tr("isolation: {level}; not blocked: {holes}", level=isolation.level, holes=holes)
    )
    namespaces = (
        tr("namespaces: each submission has its own network and file system")
        if isolation.namespaces
        else tr(
            "no namespaces: full isolation doesn't need them, but they protect the disk "
            "better. To allow them, set user.max_user_namespaces, "
            "kernel.unprivileged_userns_clone or kernel.apparmor_restrict_unprivileged_userns"
            " or, in a container, its seccomp profile"
        )
    )
    full = isolation.level == "full"
    return [Finding(abi > 0, landlock), Finding(True, namespaces), Finding(full, level)]
