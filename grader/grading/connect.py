"""Open the cluster that `--cluster` names: a running one, or one that is started here and ends with the command."""

import logging
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import dask
from distributed import Client, LocalCluster, Security, SSHCluster

from grader.model.errors import UserError, reading
from grader.model.text import Text, tr

Tls = tuple[Path, Path, Path]
"""The files of a certificate, its private key, and the certificate of the authority that signed it."""
_SECONDS = 30
_PATIENCE = "10 minutes"
"""How long a worker process that died may take to be there again: on a busy machine, PyTorch's import alone is long."""

QUIET = {
    "distributed.worker.profile.enabled": False,
    "distributed.admin.tick.interval": "1s",
    "distributed.admin.system-monitor.interval": "10s",
}
"""A worker process spends a tenth of a core on watching itself, and nobody reads what it finds."""


@contextmanager
def connect(
    address: str, tls: Tls | None = None, tell: Callable[[Text], None] = lambda text: None
) -> Iterator[Client]:
    """Connect to a cluster: `tcp://HOST:PORT`, `tls://HOST:PORT`, `slurm:JOBS`, `ssh:HOST,HOST` or `local:WORKERS`.

    Without `tls`, Dask's own configuration may name the files. `tell` is called with a warning if what goes over the
    network can be read there.

    Raises:
        UserError: the address is wrong, or there is no cluster.
    """
    for handler in logging.getLogger("distributed").handlers:
        handler.setLevel(logging.CRITICAL)  # what matters is said in our words
    dask.config.set({"distributed.deploy.lost-worker-timeout": _PATIENCE, **QUIET})
    kind, _, rest = address.partition(":")
    if kind not in ("tcp", "tls", "slurm", "ssh", "local"):
        raise _unknown(address)
    if tls is not None:
        _use(tls)
    security = Security()
    encrypted = bool(security.get_connection_args("client").get("ssl_context"))
    if not encrypted and (kind == "ssh" or (kind == "tcp" and not _is_here(rest))):
        tell(
            tr(
                "Warning: without TLS, hidden checks, submissions and reports cross the network readable, and whoever"
                " reaches the scheduler's port can run programs on its machines; pass --tls CERT KEY CA"
            )
        )
    with ExitStack() as stack:
        try:
            if kind in ("tcp", "tls"):
                where: Any = f"tls:{rest}" if encrypted else address
            elif kind == "slurm":
                where, security = _slurm(stack, rest, security if encrypted else None)
            elif kind == "ssh":
                where = stack.enter_context(_ssh(rest.split(","), security, encrypted))
            else:
                workers = _number(address, rest)
                where = stack.enter_context(
                    LocalCluster(  # with TLS, because other users of this machine reach its ports, too
                        n_workers=workers,
                        threads_per_worker=1,
                        memory_limit=0,
                        dashboard_address="localhost:0",
                        security=True,
                        protocol="tls://",
                    )
                )
                security = where.security
            client = stack.enter_context(
                Client(where, security=security, timeout=_SECONDS, set_as_default=False)
            )
        except UserError:
            raise
        except (OSError, ValueError, RuntimeError, ImportError) as error:
            raise UserError(
                tr("can't use the cluster {address}: {reason}", address=address, reason=error)
            ) from error
        yield client


def _use(tls: Tls) -> None:
    """Let this process, and those that it starts over SSH, use these files."""
    for path in tls:
        with reading(path):
            path.read_bytes()
    cert, key, authority = (str(path.resolve()) for path in tls)
    role = {"cert": cert, "key": key}
    roles = {"client": role, "scheduler": role, "worker": role}
    comm = {"require-encryption": True, "tls": {"ca-file": authority, **roles}}
    dask.config.set(
        {"distributed.comm": dask.config.merge(dask.config.get("distributed.comm"), comm)}
    )


def _slurm(stack: ExitStack, jobs: str, security: Security | None) -> tuple[Any, Security]:
    from dask_jobqueue import SLURMCluster

    number = _number("slurm", jobs or "1")
    if security is None:  # certificates for this run, in a folder that only this user reads
        security = Security.temporary()
    shared = stack.enter_context(tempfile.TemporaryDirectory(prefix=".grader-", dir=Path.home()))
    cluster = stack.enter_context(
        SLURMCluster(
            security=security,
            protocol="tls://",
            shared_temp_directory=shared,
            scheduler_options={"dashboard_address": "localhost:0"},
        )
    )
    cluster.scale(jobs=number)
    return cluster, security


def _ssh(hosts: list[str], security: Security, encrypted: bool) -> Any:
    options = {"protocol": "tls://"} if encrypted else {}
    return SSHCluster(
        [hosts[0], *hosts],
        scheduler_options={"dashboard": False, **options},
        worker_options=options,
        security=security if encrypted else None,
    )


def _number(address: str, words: str) -> int:
    if not words.isdecimal() or not int(words):
        raise _unknown(address)
    return int(words)


def _unknown(address: str) -> UserError:
    return UserError(
        tr(
            "{address} isn't a cluster; write tcp://HOST:PORT, tls://HOST:PORT, slurm:JOBS, ssh:HOST,HOST or"
            " local:WORKERS",
            address=address,
        )
    )


def _is_here(rest: str) -> bool:
    return rest.removeprefix("//").startswith(("127.", "localhost:", "[::1]"))
