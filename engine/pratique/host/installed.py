"""The plugins installed beside us: what every distribution on the import path registers in the group `pratique`.

`importlib.metadata` answers the same question, but loading it costs more than all the rest of opening the host
(30 ms of 50), so the folders are read here. Only distributions installed as `NAME-VERSION.dist-info` folders are seen.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

GROUP: Final = "pratique"
#: The distribution whose plugins come first: nobody else may take the name of a built-in.
OURS: Final = "pratique"


class Distribution(NamedTuple):
    """An installed distribution: `folder` is its `.dist-info`."""

    name: str
    version: str
    folder: Path


class Entry(NamedTuple):
    """One plugin as a distribution registers it: `target` is "module" or "module:object"."""

    name: str
    target: str
    distribution: Distribution


def entries() -> list[Entry]:
    """Every registered plugin: ours first, then by distribution, each in the order of its own list."""
    found = [entry for distribution in distributions() for entry in _of(distribution)]
    return sorted(found, key=lambda entry: (entry.distribution.name != OURS, entry.distribution.name))


def distributions() -> Iterator[Distribution]:
    """The distributions that register plugins. As for an import, the first of a name on the path is the one."""
    seen: set[str] = set()
    for place in sys.path:
        try:
            names = sorted(name for name in os.listdir(place or ".") if name.endswith(".dist-info"))  # noqa: PTH208
        except OSError:
            continue  # an archive, or a folder that is not there: nothing we could read plugins from
        for folder in names:
            name, _, version = folder.removesuffix(".dist-info").partition("-")
            if (name := normalised(name)) in seen:
                continue
            seen.add(name)
            path = Path(place or ".", folder)
            if (path / "entry_points.txt").exists():
                yield Distribution(name, version, path)


def distribution(name: str) -> Distribution | None:
    """The distribution of that name, however it is spelled, if it registers plugins."""
    return next((one for one in distributions() if one.name == normalised(name)), None)


def normalised(name: str) -> str:
    """One spelling of a distribution's name, as the packaging rules have it: `My_Plugin` is `my-plugin`."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _of(distribution: Distribution) -> Iterator[Entry]:
    try:
        text = (distribution.folder / "entry_points.txt").read_text("utf-8", "replace")
    except OSError:
        return
    group = ""
    for line in map(str.strip, text.splitlines()):
        if line.startswith("[") and line.endswith("]"):
            group = line[1:-1].strip()
        elif group == GROUP and "=" in line and line[0] not in "#;":
            name, _, target = line.partition("=")
            # "module:object [extra]": extras say what to install, nothing about what to load
            yield Entry(name.strip(), target.partition("[")[0].strip(), distribution)
