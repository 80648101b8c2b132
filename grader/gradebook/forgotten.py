"""The keyed list of whose work was removed, kept outside the database: a restored backup forgets them again."""

import hashlib
import hmac
import secrets
from datetime import datetime
from pathlib import Path

import msgspec

from grader.model.errors import UserError, reading, writing
from grader.model.text import tr

FORGOTTEN_LIST = "forgotten.json"


class Removal(msgspec.Struct, frozen=True):
    """When somebody's work was removed, and whether the scores were removed too."""

    at: datetime
    scores: bool


class ForgottenList(msgspec.Struct, frozen=True):
    """Whose work was removed. It holds no ids; only whoever has an id can find out whether it is in the list."""

    key: str
    """Random, so that lists of different courses can't be compared."""
    removals: dict[str, Removal] = {}
    """By the keyed digest of the id."""

    def find(self, id_: str) -> Removal | None:
        """Return the removal of this person's work."""
        return self.removals.get(self._digest(id_))

    def having(self, id_: str, removal: Removal) -> "ForgottenList":
        """Return the list with one more."""
        more = {self._digest(id_): removal}
        return msgspec.structs.replace(self, removals=self.removals | more)

    def _digest(self, id_: str) -> str:
        words = id_.encode("utf-8", "surrogatepass")
        return hmac.digest(bytes.fromhex(self.key), words, hashlib.sha256).hex()


def read_forgotten(path: Path) -> ForgottenList:
    """Read the list, an empty one if there is no file.

    Raises:
        UserError: it can't be read.
    """
    if not path.exists():
        return ForgottenList(secrets.token_hex(32))
    try:
        with reading(path):
            return msgspec.json.decode(path.read_bytes(), type=ForgottenList)
    except msgspec.MsgspecError as error:
        raise UserError(tr("{path} is invalid: {reason}", path=path, reason=error)) from error


def write_forgotten(path: Path, found: ForgottenList) -> None:
    """Write the list; a crash leaves the old one.

    Raises:
        UserError: it can't be written.
    """
    with writing(path):
        fresh = path.with_suffix(".new")
        fresh.touch(0o600)
        fresh.write_bytes(msgspec.json.format(msgspec.json.encode(found)))
        fresh.replace(path)
