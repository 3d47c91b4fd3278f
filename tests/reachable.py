"""A checkout that an ordinary user may read: this one, or a copy when it lies in root's home."""

from __future__ import annotations

import atexit
import functools
import shutil
import site
import tempfile
from pathlib import Path

ROOT = Path(__file__).parents[1]
_PARTS = ("engine", "plugins", "grammar", "rules", "hosts", "tests", "pyproject.toml")


def python_path() -> list[str]:
    """Where an ordinary user's Python finds Pratique and what it needs."""
    top, packages = _places()
    return [str(top / "engine"), str(top / "plugins"), *map(str, packages)]


def checkout() -> Path:
    """The top of a checkout that everybody may read."""
    return _places()[0]


@functools.cache
def _places() -> tuple[Path, list[Path]]:
    packages = [Path(path) for path in site.getsitepackages() if Path(path).is_dir()]
    if all(_open_to_all(path) for path in (ROOT, *packages)):
        return ROOT, packages
    copy = Path(tempfile.mkdtemp(prefix="pratique-checkout-", dir="/var/tmp"))  # not /tmp: some tests look there
    atexit.register(shutil.rmtree, copy, ignore_errors=True)
    copy.chmod(0o755)
    for part in _PARTS:
        source = ROOT / part
        if source.is_dir():
            shutil.copytree(source, copy / part, symlinks=True, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, copy / part)
    copies = []
    for number, path in enumerate(packages):
        # Without the link that leads an editable installation back to where nobody may look.
        ignored = shutil.ignore_patterns("__pycache__", "_editable*", "_pratique*.pth", "pratique.pth")
        copies.append(Path(shutil.copytree(path, copy / f"packages-{number}", symlinks=True, ignore=ignored)))
    return copy, copies


def _open_to_all(path: Path) -> bool:
    return all(above.stat().st_mode & 0o001 for above in (path, *path.resolve().parents))
