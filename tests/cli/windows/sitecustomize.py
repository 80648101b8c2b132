"""Python starts with this where it is on PYTHONPATH: for `grader`, the machine lacks what Windows lacks.

Only the package's own code is refused: the standard library and PyTorch have their own ways there, which this machine
can't take. Processes that are started by others get it too.
"""

import builtins
import os
import select
import signal
import socket
import sys
import types

MODULES = {"fcntl", "grp", "pty", "pwd", "resource", "syslog", "termios", "tty", "readline"}
LACKING = {
    "os": {
        *("fork", "forkpty", "register_at_fork", "setsid", "setpgid", "killpg", "wait4", "waitid"),
        *("WNOHANG", "getuid", "geteuid", "getgid", "setuid", "chown", "chroot", "pidfd_open"),
        *("sched_getaffinity", "sched_setaffinity", "getloadavg", "nice", "uname", "mkfifo"),
        *("O_NOFOLLOW", "O_DIRECTORY", "O_CLOEXEC", "O_NONBLOCK", "sysconf", "statvfs"),
    },
    "signal": {
        *("SIGKILL", "SIGALRM", "SIGPROF", "SIGXFSZ", "SIGCHLD", "SIGHUP", "SIGUSR1", "SIGPIPE"),
        *("setitimer", "ITIMER_PROF", "alarm", "pthread_sigmask", "pause", "sigwait"),
    },
    "socket": {
        *("AF_UNIX", "SOCK_SEQPACKET", "SCM_RIGHTS", "SCM_CREDENTIALS", "SO_PASSCRED"),
        *("CMSG_SPACE", "CMSG_LEN", "send_fds", "recv_fds", "sethostname"),
    },
    "select": {"poll", "epoll", "kqueue", "POLLIN", "POLLRDHUP", "PIPE_BUF"},
}


def asked_by_grader(depth):
    return sys._getframe(depth).f_globals.get("__name__", "").partition(".")[0] == "grader"


class Lacking(types.ModuleType):
    def __getattribute__(self, name):
        own = super().__getattribute__
        if name in LACKING.get(own("__name__"), ()) and asked_by_grader(2):
            raise AttributeError(f"Windows has no {own('__name__')}.{name}")
        return own(name)


def importing(name, globals=None, locals=None, fromlist=(), level=0, original=builtins.__import__):
    if name in MODULES and asked_by_grader(2):
        raise ModuleNotFoundError(f"Windows has no {name}", name=name)
    return original(name, globals, locals, fromlist, level)


for module in (os, signal, socket, select):
    module.__class__ = Lacking
builtins.__import__ = importing
