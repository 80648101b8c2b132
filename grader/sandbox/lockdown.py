"""The rules that the kernel enforces on the student's process: namespaces, Landlock, seccomp, capabilities, limits.

Each rule says what it defends against. Neither the process that calls `lock_down` nor its children can undo it.
"""

import ctypes
import fcntl
import os
import platform
import re
import resource
import struct
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

from grader.model.errors import SandboxError
from grader.sandbox.syscalls import ALLOWED, CHECKED, REFUSED

_libc = ctypes.CDLL(None, use_errno=True)

_SITES = ("site-packages", "dist-packages")
READABLE = (
    *(Path(p) for p in ("/usr", "/lib", "/lib64", "/etc/ld.so.cache", "/etc/localtime", "/etc/fonts")),
    *(Path(p) for p in ("/proc/cpuinfo", "/proc/meminfo", "/sys/devices/system/cpu")),
    *(Path(p) for p in ("/dev/urandom", "/dev/random", "/dev/zero")),
    *(Path(p) for p in {sys.prefix, sys.base_prefix, sys.exec_prefix}),
    *(Path(p) for p in sys.path if p.endswith(_SITES)),
)  # fmt: skip
"""The files that ordinary code reads: libraries, fonts, the time zone, and facts about the processor for PyTorch."""

PACKAGE = Path(__file__).resolve().parents[1]
INSTALLED = PACKAGE.parent.name in _SITES
HIDDEN = {
    PACKAGE,
    *(
        found.resolve()
        for folder in READABLE
        for lib in ("", "lib/python3*/*-packages", "local/lib/python3*/*-packages")
        for found in folder.glob(str(Path(lib, PACKAGE.name)))
    ),
}
"""This package, wherever it is installed: an installed package contains the solutions of the built-in course."""


class Locked(NamedTuple):
    """The result of `lock_down`."""

    forks: int | None
    """A descriptor on which a process outside grants each fork of this one; None if forks aren't controlled."""
    refused: tuple[str, ...]
    """The rules that the kernel refused to enforce, and why."""


def lock_down(
    workdir: Path, memory_bytes: int, cpu_seconds: int, hiding: int | None = None
) -> Locked:
    """Lock this process in for good: from now on it can only read Python's libraries and write below `workdir`.

    `workdir` is either a folder prepared by `own_namespaces`, or an empty folder below the one that was passed to
    `hide_package` to create `hiding`.
    """
    refused = []

    def enforce(rule: Callable[[], int | None]) -> int | None:
        try:
            return rule()
        except SandboxError as error:
            refused.append(str(error))
            return None

    enforce(partial(limit_resources, memory_bytes, cpu_seconds))
    enforce(drop_capabilities)
    enforce(partial(_prctl, _PR_SET_NO_NEW_PRIVS, 1))
    enforce(partial(restrict_files, workdir, hiding))
    forks = enforce(allow_system_calls)
    return Locked(forks, tuple(refused))


# --- namespaces -----------------------------------------------------------------------------------------------------

_CLONE_NEWNS, _CLONE_NEWIPC, _CLONE_NEWUSER, _CLONE_NEWPID, _CLONE_NEWNET = (
    1 << bit for bit in (17, 27, 28, 29, 30)
)
_MS_NOSUID, _MS_NODEV = 2, 4
_MAX_TASKS = 256
_PR_SET_PDEATHSIG = 1
_TMPFS = b"size=256m,nr_inodes=16k,mode=700"


def own_namespaces(workdir: Path) -> bool:
    """Give this process its own network, System V IPC and mounts if the kernel allows it; return whether it did.

    The process then has no network interface and can't attach other processes' shared memory. `workdir` becomes a file
    system of its own in memory, which can't fill the disk with bytes or files and disappears with the last process.
    The other rules also stop everything else that namespaces stop.
    """
    if not _own_user_namespace(_CLONE_NEWNS | _CLONE_NEWIPC | _CLONE_NEWNET):
        return False
    if _counts_tasks_by_namespace():
        resource.setrlimit(resource.RLIMIT_NPROC, (_MAX_TASKS, _MAX_TASKS))
    flags = _MS_NOSUID | _MS_NODEV
    return not _libc.mount(b"tmpfs", os.fsencode(workdir), b"tmpfs", flags, _TMPFS)


def own_process_ids() -> None:
    """Make the next child of this process the first one in a PID namespace, if the kernel allows it.

    When that child dies, however it dies, the kernel kills all its descendants.
    """
    pid = os.fork()  # a namespace that is granted only in part can't be given back
    if pid == 0:
        os._exit(not _unshare_process_ids())
    if os.waitpid(pid, 0)[1] == 0:
        _unshare_process_ids()


def _unshare_process_ids() -> bool:
    return not _libc.unshare(_CLONE_NEWPID) or _own_user_namespace(_CLONE_NEWPID)


def _own_user_namespace(others: int) -> bool:
    user, group = os.geteuid(), os.getegid()
    if _libc.unshare(_CLONE_NEWUSER | others):
        return False
    try:
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    except OSError:
        return False
    return True


def _counts_tasks_by_namespace() -> bool:
    """Whether `RLIMIT_NPROC` counts tasks in each user namespace separately, not on the whole machine."""
    major, minor = re.findall(r"\d+", platform.release())[:2]
    return (int(major), int(minor)) >= (5, 14)


# --- resources ------------------------------------------------------------------------------------------------------


def limit_resources(memory_bytes: int, cpu_seconds: int) -> None:
    """Limit what one process can use. The time of each call is measured from outside."""
    pages = int(Path("/proc/self/statm").read_text().split()[0])
    for name, value in (
        ("RLIMIT_AS", pages * resource.getpagesize() + memory_bytes),  # MemoryError, no OOM killer
        ("RLIMIT_CPU", cpu_seconds),  # a process that the grader has lost track of
        ("RLIMIT_FSIZE", 256 * 2**20),  # one file that fills the disk
        ("RLIMIT_NOFILE", 256),  # too many descriptors
        ("RLIMIT_CORE", 0),  # core files
        ("RLIMIT_MSGQUEUE", 0),  # POSIX message queues
        ("RLIMIT_MEMLOCK", 2**20),  # locking memory
    ):
        try:
            resource.setrlimit(getattr(resource, name), (value, value))
        except (OSError, ValueError) as error:
            raise SandboxError(f"{name} can't be set: {error}") from error


# --- capabilities -----------------------------------------------------------------------------------------------------

_PR_SET_NO_NEW_PRIVS = 38
_PR_CAPBSET_DROP = 24
_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL = 47, 4
_CAPABILITY_VERSION_3 = 0x20080522


def drop_capabilities() -> None:
    """Give up root's privileges, so that it is as safe to run the grader as root as it is as an ordinary user."""
    for capability in range(64):
        _libc.prctl(
            _PR_CAPBSET_DROP, capability, 0, 0, 0
        )  # fails for an ordinary user, who has nothing to drop
    _libc.prctl(_PR_CAP_AMBIENT, _PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)
    header = struct.pack("Ii", _CAPABILITY_VERSION_3, 0)
    if _libc.capset(header, bytes(24)):
        raise SandboxError("capabilities can't be dropped")


# --- files: Landlock -------------------------------------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_LIST = 1 << 3
_READ = 1 << 2 | _LIST  # read files, list folders
_WRITE = 1 << 1 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13  # write, remove, make, move
_TRUNCATE = 1 << 14
_DIR_ONLY = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 7 | 1 << 8 | 1 << 13
_LAST_ACCESS = {1: 12, 2: 13, 3: 14, 4: 14}  # the highest access bit of an ABI; from 5 on it is 15


def landlock_abi() -> int:
    """Return the kernel's Landlock version, 0 if it has none."""
    return max(0, int(_libc.syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), 1)))


def hide_package(root: Path) -> int | None:
    """Return rules that allow reading `READABLE` except `HIDDEN`, and everything below `root`.

    Return None if nothing hidden lies inside a readable folder. Landlock rules can only allow access, and a rule for a
    folder applies to everything in it. So each neighbour on the way down to the package needs a rule of its own. There
    are hundreds of them, which takes 5 ms; they are created once for all processes forked from this one.

    Raises:
        SandboxError: the kernel refuses a rule.
    """
    folders = {path.resolve() for path in READABLE}
    if not landlock_abi() or not any(h.is_relative_to(f) for h in HIDDEN for f in folders):
        return None
    ruleset, handled = _make_ruleset()
    for path, access in dict(each for folder in folders for each in _around_hidden(folder)).items():
        _allow(ruleset, path, access & handled)
    _allow_writing(ruleset, root, handled)
    return ruleset


def _around_hidden(path: Path) -> Iterator[tuple[Path, int]]:
    if path in HIDDEN:
        return
    if not any(hidden.is_relative_to(path) for hidden in HIDDEN):
        yield path, _READ
        return
    yield path, _LIST
    for child in path.iterdir():
        if not child.is_symlink():  # its target has a rule of its own, or must not have one
            yield from _around_hidden(child)


def restrict_files(workdir: Path, hiding: int | None) -> None:
    """Close everything except `READABLE` and `workdir`, and close what the rules `hiding` hide.

    The process can't read solutions, the gradebook, other submissions, home folders or `/proc` of other processes. It
    can't write outside `workdir`, use TCP (from ABI 4 on), or reach processes outside with signals or abstract sockets
    (from ABI 6 on).
    """
    ruleset, handled = _make_ruleset()
    rulesets = [ruleset] if hiding is None else [ruleset, hiding]
    try:
        for path in READABLE:
            _allow(ruleset, path, _READ & handled)
        _allow_writing(ruleset, workdir, handled)
        for each in rulesets:  # access needs the permission of every ruleset
            if _libc.syscall(_RESTRICT_SELF, each, 0):
                raise SandboxError("Landlock refuses to be put in force")
    finally:
        for each in rulesets:
            os.close(each)


def _make_ruleset() -> tuple[int, int]:
    """Return the descriptor of an empty ruleset, and the access bits that it forbids."""
    abi = landlock_abi()
    if not abi:
        raise SandboxError("the kernel has no Landlock")
    handled = (1 << _LAST_ACCESS.get(abi, 15) + 1) - 1
    attributes = struct.pack("QQQ", handled, 3 if abi >= 4 else 0, 3 if abi >= 6 else 0)
    size = 24 if abi >= 6 else 16 if abi >= 4 else 8
    ruleset = _libc.syscall(_CREATE_RULESET, attributes, ctypes.c_size_t(size), 0)
    if ruleset < 0:
        raise SandboxError("Landlock refuses the rules")
    return ruleset, handled


def _allow_writing(ruleset: int, folder: Path, handled: int) -> None:
    _allow(ruleset, folder, (_READ | _WRITE | _TRUNCATE) & handled)
    _allow(ruleset, Path("/dev/null"), (1 << 1 | 1 << 2 | _TRUNCATE) & handled)


def _allow(ruleset: int, path: Path, access: int) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except FileNotFoundError:
        return
    try:
        if not path.is_dir():
            access &= ~_DIR_ONLY
        if _libc.syscall(_ADD_RULE, ruleset, 1, struct.pack("<Qi", access, fd), 0):
            raise SandboxError(f"Landlock refuses the rule for {path}")
    finally:
        os.close(fd)


# --- system calls: seccomp -------------------------------------------------------------------------------------------

_MACHINES = {
    "x86_64": (0, 0xC000003E),
    "aarch64": (1, 0xC00000B7),
}  # column of the table, AUDIT_ARCH
_EPERM, _ENOSYS, _ENOTTY = 1, 38, 25
_SET_MODE_FILTER = 1
_ALLOW, _KILL = 0x7FFF0000, 0x80000000
_USER_NOTIFICATION, _NEW_LISTENER = 0x7FC00000, 1 << 3
_CLONE_THREAD = 0x00010000
_CLONE_NAMESPACES = 0x7E020000
_FCNTL_SIGNALS = (
    8,
    10,
    15,
    1024,
    1026,
    1031,
)  # SETOWN, SETSIG, SETOWN_EX, SETLEASE, NOTIFY, SETPIPE_SZ
_IOCTL_HARMLESS = (
    0x5401,
    0x5413,
    0x541B,
    0x5421,
    0x5450,
    0x5451,
)  # TCGETS, window size, FIONREAD …
_PRCTL_HARMLESS = (3, 15, 16, 23, 38, 39, 0x53564D41)  # names, reading of flags, names of memory
_AF_UNIX, _SOCK_STREAM = 1, 1
_O_TRUNC = 0o1000
_NOTIF_RECV, _NOTIF_SEND = 0xC0502100, 0xC0182101  # include/uapi/linux/seccomp.h

_Instruction = tuple[int, int, int, int]


def allow_system_calls() -> int:
    """Allow the system calls in the table, some only with harmless arguments; all others fail.

    This rules out exec, sockets other than a pair of streams, signals to other processes (also through a descriptor's
    owner), ptrace, IPC, keyrings, namespaces, io_uring, and changes of modes, times, limits and priorities. Threads are
    allowed. A fork has to be granted on the returned descriptor (see `grant_fork`), so a fork bomb never starts.
    """
    clone = [
        _load_argument(0),
        *_if_any_bit(_CLONE_NAMESPACES, _errno(_EPERM)),
        *_if_any_bit(_CLONE_THREAD, _return(_ALLOW)),
        _return(_USER_NOTIFICATION),
    ]
    stream_pair = [
        _load_argument(0),
        *_if_other(_AF_UNIX, _errno(_EPERM)),
        _load_argument(1),
        (0x54, 0, 0, 0xF),  # the type without its flags
        *_if_other(_SOCK_STREAM, _errno(_EPERM)),  # a datagram socket could send to other sockets
        _return(_ALLOW),
    ]
    read_limit = [
        *(
            step
            for half in (0, 4)
            for step in (_load_argument(2, half), *_if_other(0, _errno(_EPERM)))
        ),
        _return(_ALLOW),
    ]
    # With ABI 1 and 2, Landlock allows truncating a readable file.
    no_emptying = [
        (0x54, 0, 0, _O_TRUNC | os.O_ACCMODE),
        *_if_same(_O_TRUNC | os.O_RDONLY, _errno(_EPERM)),
        _return(_ALLOW),
    ]
    die_with_parent = [_load_argument(1), *_if_other(9, _errno(_EPERM)), _return(_ALLOW)]
    prctl = [
        _load_argument(0),
        (0x15, 0, len(die_with_parent), _PR_SET_PDEATHSIG),
        *die_with_parent,
        *_one_of(0, _PRCTL_HARMLESS, _return(_ALLOW), _errno(_EPERM)),
    ]
    return _install(
        {
            "open": [_load_argument(1), *no_emptying],
            "openat": [_load_argument(2), *no_emptying],
            "clone": clone,
            "socketpair": stream_pair,
            "fcntl": _one_of(1, _FCNTL_SIGNALS, _errno(_EPERM), _return(_ALLOW)),
            "ioctl": _one_of(1, _IOCTL_HARMLESS, _return(_ALLOW), _errno(_ENOTTY)),
            "prctl": prctl,
            "prlimit64": read_limit,
            # Without Landlock's scopes (ABI 6), a signal could reach any process of the same user.
            "tgkill": [_return(_ALLOW) if landlock_abi() >= 6 else _errno(_EPERM)],
            **{name: [_return(_ALLOW)] for name in ALLOWED},
            **{name: [_errno(_EPERM)] for name in REFUSED},
        },
        _errno(_ENOSYS),
        _NEW_LISTENER,
    )


def deny_descriptors() -> None:
    """Forbid sending descriptors: the kernel limits those in flight for all processes of a user together."""
    _install({"sendmsg": [_errno(_EPERM)]}, _return(_ALLOW))


def deny_fork() -> None:
    """Allow threads but no new processes, in a copy of the submission that answers calls."""
    threads_only = [
        _load_argument(0),
        *_if_any_bit(_CLONE_THREAD, _return(_ALLOW)),
        _errno(_EPERM),
    ]
    _install({"clone": threads_only}, _return(_ALLOW))


def grant_fork(forks: int, pid: int | None) -> bool:
    """Answer a process that waits for permission to fork: only the main thread of `pid` gets it. Return the answer.

    Raises:
        OSError: the process is no longer waiting.
    """
    request = bytearray(80)  # struct seccomp_notif
    fcntl.ioctl(forks, _NOTIF_RECV, request)
    number, caller = struct.unpack_from("QI", request)
    granted: bool = caller == pid
    answer = (number, 0, 0, 1) if granted else (number, 0, -_EPERM, 0)
    fcntl.ioctl(forks, _NOTIF_SEND, struct.pack("QqiI", *answer))
    return granted


def _install(rules: dict[str, list[_Instruction]], default: _Instruction, flags: int = 0) -> int:
    if platform.machine() not in _MACHINES:
        raise SandboxError(f"no table of system calls for {platform.machine()}")
    column, architecture = _MACHINES[platform.machine()]
    numbers = {**ALLOWED, **CHECKED, **REFUSED}
    program: list[_Instruction] = [
        (0x20, 0, 0, 4),
        *_if_other(architecture, _return(_KILL)),  # 32-bit system calls have other numbers
        (0x20, 0, 0, 0),
    ]
    if platform.machine() == "x86_64":
        program += [(0x35, 0, 1, 0x40000000), _return(_KILL)]  # and so do those of x32
    for name, steps in rules.items():
        if (number := numbers[name][column]) is not None:
            program += [(0x15, 0, len(steps), number), *steps]
    program.append(default)
    code = b"".join(struct.pack("HBBI", *step) for step in program)
    buffer = ctypes.create_string_buffer(code, len(code))
    filter_ = struct.pack("HxxxxxxP", len(program), ctypes.addressof(buffer))
    seccomp = ctypes.c_long(ALLOWED["seccomp"][column] or 0)
    result = _libc.syscall(seccomp, _SET_MODE_FILTER, flags, filter_)
    if result < 0:
        raise SandboxError(f"seccomp: {os.strerror(ctypes.get_errno())}")
    return int(result)


def _load_argument(index: int, half: int = 0) -> _Instruction:
    return (0x20, 0, 0, 16 + 8 * index + half)


def _return(action: int) -> _Instruction:
    return (0x06, 0, 0, action)


def _errno(number: int) -> _Instruction:
    return _return(0x00050000 | number)


def _if_other(value: int, then: _Instruction) -> list[_Instruction]:
    return [(0x15, 1, 0, value), then]


def _if_same(value: int, then: _Instruction) -> list[_Instruction]:
    return [(0x15, 0, 1, value), then]


def _if_any_bit(bits: int, then: _Instruction) -> list[_Instruction]:
    return [(0x45, 0, 1, bits), then]


def _one_of(
    argument: int, values: Iterable[int], then: _Instruction, otherwise: _Instruction
) -> list[_Instruction]:
    equal = [step for value in values for step in _if_same(value, then)]
    return [_load_argument(argument), *equal, otherwise]


def _prctl(option: int, *arguments: int) -> None:
    values = [ctypes.c_ulong(a) for a in (*arguments, 0, 0, 0, 0)[:4]]
    if _libc.prctl(option, *values):
        raise SandboxError(f"prctl {option}: {os.strerror(ctypes.get_errno())}")
