"""Control groups of version 2, on a kernel that has nothing else: bounds hold, are told, and leave nothing."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import installers
import pytest
from own_kernel import OwnKernel

ROOT = Path(__file__).resolve().parents[2]

pytestmark = [pytest.mark.proof, pytest.mark.root, pytest.mark.network]


@pytest.fixture
def on_version_2(tmp_path: Path) -> Callable[[str], str]:
    """Runs a file of tests there: what pytest says. Fails unless all pass and none is skipped."""
    kernel = OwnKernel(tmp_path, installers.debian("user-mode-linux"))

    def run(tests: str, *options: str) -> str:
        done = kernel.run(
            sys.executable, "-m", "pytest", "-rA", "-q", "--color=no", "-p", "no:cacheprovider", "--rootdir", ROOT,
            "-c", ROOT / "pyproject.toml", ROOT / tests, *options, timeout=900,
        )  # fmt: skip
        print(done.stdout[-6000:])
        assert done.returncode == 0, done.stdout[-8000:] + done.stderr[-2000:]
        assert "skipped" not in done.stdout
        return done.stdout

    return run


def test_pratique_run_bounds_memory_processes_and_processor_time(on_version_2):
    said = on_version_2("tests/proof/on_version_2.py")
    assert "\n7 passed in " in said


def test_what_holds_for_bounds_elsewhere_holds_there(on_version_2):
    """The tests of sandbox/test_cgroups.py, which run with version 1 on a machine that has its controllers there.

    Without two that take this kernel too long, or its clock for exact: the tests above stand for them.
    """
    said = on_version_2("tests/sandbox/test_cgroups.py", "-k", "not many and not processor_time")
    for name in ("a_fork_bomb_is_bounded_and_the_machine_goes_on", "shared_memory_and_private_file_systems_count_too"):
        assert f"test_cgroups.py::test_{name}\n" in said
    assert "13 passed, 2 deselected" in said
