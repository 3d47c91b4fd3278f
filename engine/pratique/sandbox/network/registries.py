"""Where this machine's own package managers fetch from: what their settings name counts as their registry.

Read are the settings of the system and of the person. A project's own (an `.npmrc` beside the package, say) may have
come with what is to be judged, and is not asked.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_URL: Final = re.compile(r"\bhttps?://[^\s\"',\]\[]+", re.IGNORECASE)
_LARGEST: Final = 256 * 1024  # bytes of a settings file that are read


def of(kind: str, *, home: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    """Host names for one kind of program, as its package manager is set; () for a kind that has none."""
    lines = _SOURCES.get(kind)
    if lines is None:
        return ()
    hosts = (urlsplit(url).hostname for line in lines(Path(home), environment) for url in _URL.findall(line))
    return tuple(dict.fromkeys(host.lower() for host in hosts if host))


def _pip(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    for name in ("INDEX_URL", "EXTRA_INDEX_URL", "FIND_LINKS"):
        yield environment.get(f"PIP_{name}", "")
    files = [
        Path("/etc/pip.conf"),
        Path("/etc/xdg/pip/pip.conf"),
        home / ".config/pip/pip.conf",
        home / ".pip/pip.conf",
    ]
    yield from _settings([*files, *_named(environment, "PIP_CONFIG_FILE")], r"(extra-)?index-url|find-links")


def _npm(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    yield from (value for name, value in environment.items() if name.lower() == "npm_config_registry")
    files = [Path("/etc/npmrc"), Path("/usr/etc/npmrc"), home / ".npmrc"]
    yield from _settings([*files, *_named(environment, "NPM_CONFIG_USERCONFIG")], r"(@[^=\s]+:)?registry")


def _apt(home: Path, environment: Mapping[str, str]) -> Iterator[str]:
    lists = Path("/etc/apt/sources.list.d")
    for file in (Path("/etc/apt/sources.list"), *sorted(lists.glob("*.list")), *sorted(lists.glob("*.sources"))):
        yield from (line for line in _lines(file) if not line.lstrip().startswith("#"))


_SOURCES: Final[dict[str, Callable[[Path, Mapping[str, str]], Iterator[str]]]] = {
    "pip": _pip, "npm": _npm, "deb": _apt,
}  # fmt: skip


def _named(environment: Mapping[str, str], variable: str) -> list[Path]:
    return [Path(environment[variable])] if environment.get(variable) else []


def _settings(files: list[Path], name: str) -> Iterator[str]:
    """The values of `name = VALUE` lines; a value's further lines are indented."""
    wanted = re.compile(rf"\s*({name})\s*=", re.IGNORECASE)
    for file in files:
        within = False
        for line in _lines(file):
            if not line[:1].isspace():
                within = wanted.match(line) is not None
            if within:
                yield line


def _lines(file: Path) -> list[str]:
    try:
        descriptor = os.open(file, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        return os.read(descriptor, _LARGEST).decode("utf-8", "replace").splitlines()
    except OSError:  # a directory, or a pipe that nobody fills
        return []
    finally:
        os.close(descriptor)
