"""Celery's parts: once the web part has migrated and answers, become what the arguments say."""

import math
import os
import sys

from dev.ready import is_ready
from dev.waiting import wait_until


def main() -> None:
    port = int(os.environ["PORT"])
    wait_until(lambda: is_ready(port), "answer from /readyz", seconds=math.inf)
    os.execv(sys.executable, [sys.executable, "-m", "celery", *sys.argv[1:]])


if __name__ == "__main__":
    main()
