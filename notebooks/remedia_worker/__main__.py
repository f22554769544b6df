"""`python -m remedia_worker [RUN_ID]`: the run without a notebook; the exit code says why it stopped."""

from __future__ import annotations

import sys

from .errors import WorkerStopped
from .run import run


def main() -> int:
    """Runs once."""
    try:
        run(sys.argv[1] if len(sys.argv) > 1 else "")
    except WorkerStopped as stopped:
        print(stopped, file=sys.stderr)
        return stopped.stop.value
    return 0


if __name__ == "__main__":
    sys.exit(main())
