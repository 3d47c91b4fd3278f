"""pip: wheels and source archives as files, and its commands; told not to look for its own updates."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from pratique import Facts, Launch, MayStay, Request, Subject, hookimpl
from pratique_launchers import packed

QUIET: Final = {"PIP_DISABLE_PIP_VERSION_CHECK": "1"}
LARGEST_METADATA: Final = 1024 * 1024  # bytes
MOST_FILES: Final = 20_000
#: Files at the top of a source archive that make pip able to build it.
BUILDS: Final = ("setup.py", "pyproject.toml")


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        head = file.read(6)
    if head.startswith(b"PK\3\4"):
        return wheel(path)
    if packed.packer(head) is not None:
        return source(path)
    return None


def wheel(path: Path) -> Facts | None:
    """A wheel: a zip file with one `NAME-VERSION.dist-info/WHEEL`."""
    import zipfile  # most commands need none of it

    try:
        with zipfile.ZipFile(path) as archive:
            entries = {entry.filename: entry for entry in archive.infolist()[:MOST_FILES]}
            marks = [name for name in entries if name.count("/") == 1 and name.endswith(".dist-info/WHEEL")]
            if len(marks) != 1:
                return None
            metadata = entries.get(marks[0].removesuffix("WHEEL") + "METADATA")
            content = b""
            if metadata is not None and metadata.file_size <= LARGEST_METADATA:
                with archive.open(metadata) as file:
                    content = file.read(LARGEST_METADATA)
    except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError, RuntimeError, EOFError):
        return None
    facts = {"format": "wheel", **headers(content)}
    return Facts(kind="pip", certainty=0.9, name=facts.get("package"), facts=facts)


def source(path: Path) -> Facts | None:
    """A source archive: one directory with PKG-INFO and something to build."""
    seen = packed.look(path, lambda name: name.count("/") == 1 and name.endswith("/PKG-INFO"))
    if seen is None:
        return None
    names, contents = seen
    tops = {name.split("/", 1)[0] for name in names}
    builds = [build for build in BUILDS if any(name.count("/") == 1 and name.endswith(f"/{build}") for name in names)]
    if len(tops) != 1 or not (contents or builds):
        return None
    facts = {"format": "source archive", **headers(next(iter(contents.values()), b""))}
    if "setup.py" in builds:
        facts["runs"] = "setup.py"  # any code, at once
    return Facts(kind="pip", certainty=0.85 if contents else 0.6, name=facts.get("package"), facts=facts)


def headers(metadata: bytes) -> dict[str, str]:
    """Name, version and summary of the metadata's header lines."""
    wanted = {"name": "package", "version": "version", "summary": "description", "requires-python": "requires_python"}
    found: dict[str, str] = {}
    for line in metadata.decode("utf-8", "replace").splitlines():
        if not line:
            break
        name, colon, value = line.partition(":")
        if colon and name.lower() in wanted:
            found.setdefault(wanted[name.lower()], value.strip())
    return found


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "pip":
        return None
    shared: dict[str, Any] = {
        "environment": QUIET if request.attended else {**QUIET, "PIP_NO_INPUT": "1"},
        "describe": "Python package",
    }
    if "program" in subject.facts:
        hint = failing(subject.path, subject.command)
        return Launch(command=(subject.path, *subject.command[1:]), hint=hint, **shared)
    pip = "pip" if shutil.which("pip") else "pip3"
    command = (pip, "install", *request.arguments, subject.path)
    return Launch(command=command, needs={pip: "python3-pip"}, hint=failing(shutil.which(pip) or "", command), **shared)


@hookimpl
def may_stay() -> list[MayStay]:
    return [
        MayStay(what="pip's cache", paths=("/**/.cache/pip", "/**/.cache/pip/**")),
        MayStay(what="directories of all Python packages", paths=("/**/{site,dist}-packages",)),
    ]


def failing(program: str, words: Sequence[str]) -> str:
    """What to do about it when this pip fails, as far as that can be known beforehand."""
    if not (Path(program).parent.parent / "pyvenv.cfg").is_file():
        return "if the environment is externally managed: use the pip of a virtual environment"
    return "this pip is a virtual environment's, which has no --user: leave that out" if "--user" in words else ""
