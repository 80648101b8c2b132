"""Runs a command on a kernel that lacks something: `without.py landlock|seccomp|capset|namespaces COMMAND…`.

The lack is made by a seccomp filter, which children and programs inherit: the system calls are answered as by a kernel
that doesn't know them, or doesn't grant them.
"""

import ctypes
import os
import platform
import struct
import sys

# For x86_64 and aarch64: landlock_*, seccomp, capset, unshare.
CALLS = {
    "landlock": [(444, 444), (445, 445), (446, 446)],
    "seccomp": [(317, 277)],
    "capset": [(126, 91)],
    "namespaces": [(272, 97)],
}
ERROR = {"landlock": 38, "seccomp": 38, "capset": 1, "namespaces": 1}  # ENOSYS or EPERM


def main() -> None:
    lack, *command = sys.argv[1:]
    column = ("x86_64", "aarch64").index(platform.machine())
    steps = [(0x20, 0, 0, 0)]
    for call in CALLS[lack]:
        steps += [(0x15, 0, 1, call[column]), (0x06, 0, 0, 0x00050000 | ERROR[lack])]
    steps.append((0x06, 0, 0, 0x7FFF0000))
    code = b"".join(struct.pack("HBBI", *step) for step in steps)
    buffer = ctypes.create_string_buffer(code, len(code))
    program = struct.pack("HxxxxxxP", len(steps), ctypes.addressof(buffer))
    libc = ctypes.CDLL(None, use_errno=True)
    assert libc.prctl(38, 1, 0, 0, 0) == 0  # PR_SET_NO_NEW_PRIVS
    assert libc.prctl(22, 2, program, 0, 0) == 0  # PR_SET_SECCOMP, SECCOMP_MODE_FILTER
    os.execvp(command[0], command)


if __name__ == "__main__":
    main()
