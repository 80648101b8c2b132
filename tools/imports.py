"""Print the ten packages whose import takes longest in `grader grade`, in the command's own process.

    python tools/imports.py [ARGUMENT ...]

By default, it grades a hand-in of the example class. A package's time is that of its own modules, without the packages
that they import. The servers that the command starts aren't counted.
"""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).parent.parent
DEFAULT = ["grade", str(ROOT / "examples" / "class" / "s06_binary.ipynb")]
SHOWN = 10


def times(arguments: list[str]) -> tuple[Counter[str], Counter[str]]:
    """Return the microseconds and the number of modules of each package."""
    command = [sys.executable, "-X", "importtime", "-m", "grader", *arguments]
    done = subprocess.run(command, capture_output=True, text=True)
    seconds, modules = Counter[str](), Counter[str]()
    for line in done.stderr.splitlines():
        if found := re.fullmatch(r"import time: +(\d+) \| +\d+ \| +(\w+).*", line):
            seconds[found[2]] += int(found[1])
            modules[found[2]] += 1
    return seconds, modules


def main(arguments: list[str]) -> None:
    """Print a row for each package, the slowest first, and one for all."""
    seconds, modules = times(arguments)
    print(f"{'package':<24} {'modules':>8} {'ms':>8}")
    for package, microseconds in seconds.most_common(SHOWN):
        print(f"{package:<24} {modules[package]:8} {microseconds / 1e3:8.0f}")
    print(f"{'all':<24} {modules.total():8} {seconds.total() / 1e3:8.0f}")


if __name__ == "__main__":
    main(sys.argv[1:] or DEFAULT)
