"""Every benchmark beside this file, one after another: `make bench`; or those named on the command line."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path


def main(names: list[str]) -> int:
    failed = 0
    for program in sorted(Path(__file__).parent.glob("bench_*.py")):
        name = program.stem.removeprefix("bench_")
        if names and name not in names:
            continue
        print(f"== {name}", flush=True)
        failed |= subprocess.run([sys.executable, str(program)], check=False).returncode
    return failed


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
