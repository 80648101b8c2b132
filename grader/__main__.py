"""`python -m grader` is `grader`."""

import sys

if not sys.flags.safe_path:
    del sys.path[0]  # the current folder, where a submission may have the name of a library

from grader.cli import main

if __name__ == "__main__":
    main()
