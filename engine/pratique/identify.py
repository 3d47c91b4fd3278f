"""From what the person typed to a `Subject`: a file by its content, or a command by what it would run.

The plugins say what they know of the file (`identify`); the surest kind wins. Whether it is known is asked of the
policy's lists, the person's marks and the `reputation` plugins. A file that no plugin recognises, or that cannot be
started, is refused here, with what was found instead.
"""

from __future__ import annotations

import codecs
import hashlib
import json
import os
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from pratique import standing
from pratique.decisions import Decisions
from pratique.errors import CannotError, PratiqueError, UsageError
from pratique.hookspecs import Facts, Opinion
from pratique.opened import Opened, regular_file
from pratique.policy.model import Reputation, Trust
from pratique.subject import Subject

if TYPE_CHECKING:
    from pratique.host import Host

#: Longest fact that is kept; a list of dependencies may be long.
LONGEST_FACT: Final = 4000  # characters
MOST_FACTS: Final = 64
#: Most local files of a command that are hashed.
MOST_FILES: Final = 64

#: Commands that fetch and run other people's code, by the last part of their name; the plan speaks of them by kind.
PACKAGE_MANAGERS: Final = {
    "npm": "npm", "npx": "npm", "pip": "pip", "pip3": "pip",
}  # fmt: skip
_ELF: Final = b"\x7fELF"
_PYTHONS: Final = ("python", "python3")


def identify(
    host: Host,
    words: str | Sequence[str],
    *,
    bare: bool = False,
    trust: Trust | None = None,
    origin: str | None = None,
    decisions: Decisions | None = None,
    reputation: Reputation = Reputation(),  # noqa: B008  # immutable
) -> Subject:
    """What the person wants run: the path of an installer with its arguments, or a command.

    A command is a program on the PATH (or a virtual environment's pip), anything else the path of a file. `origin`
    (`--from`) wins over what the file remembers of where it came from. `bare` (after `--`): a name without a slash is a
    command even where a file of that name lies here. `decisions` holds the person's marks (None: their own store);
    `reputation` is what the policy says to `reputation` plugins, the time they have to answer among it.

    Raises `UsageError` for what is not there, not readable, not a program or not executable; `PolicyError` for a hash
    list that cannot be used; `ConflictError` when the file is changed while it is looked at.
    """
    typed = (words,) if isinstance(words, str) else tuple(words)
    if not typed or not typed[0]:
        raise UsageError("nothing to run", hint="pratique run INSTALLER [ARGUMENT...]")
    trust = trust or Trust()
    program = _as_command(typed, bare)
    if program is not None:
        subject, parts = _command(host, typed, program, trust, origin)
    else:
        subject = _file(host, typed, trust, origin)
        # A package manager installs the other files that are named, too.
        parts = tuple(local_files(typed[1:]).values()) if subject.kind in ("deb", "npm", "pip") else ()
    opinions: list[Opinion] = [
        answer.value
        for answer in host.call("reputation", budget=reputation.answer_within, subject=subject, rules=reputation)
    ]
    marks = (decisions or Decisions.open()).marks_of([subject.sha256, *parts])
    return standing.judged(subject, trust, marks=marks, opinions=opinions, parts=parts)


# -- files ------------------------------------------------------------------------------------------------------------


def _file(host: Host, typed: tuple[str, ...], trust: Trust, origin: str | None) -> Subject:
    with regular_file(typed[0]) as file:
        facts = _facts(host, file, trust)
        if facts.kind is None:
            raise _not_a_program(file, host)
        if facts.kind in ("elf", "appimage") and not file.executable:
            # A script is run by its interpreter; a binary only by the kernel, which asks for this bit.
            raise UsageError(f"{typed[0]} is a program, but not executable", hint=f"chmod +x {typed[0]}")
        subject = Subject(
            path=str(file.path),
            command=typed,
            sha256=file.sha256(),
            size=file.size,
            kind=facts.kind,
            name=_one_line(facts.name or file.path.name) or "",
            signer=facts.signer,
            owner=facts.owner,
            origin=_origin(origin, facts),
            facts=facts.facts,
        )
        file.check_unchanged()
    return subject


def _facts(host: Host, file: Opened, trust: Trust) -> Facts:
    answers = host.call("identify", path=file.path, trust=trust)
    return united(sorted((answer.value for answer in answers), key=lambda facts: -facts.certainty))


def united(answered: Sequence[Facts]) -> Facts:
    """What several plugins know, surest first, as one: the surest kind with its name, the first of everything else.

    All of it is text from a hostile file: one line each, bounded.
    """
    kind = next((facts for facts in answered if facts.kind is not None), None)
    named = [kind] if kind is not None and kind.name else answered
    together: dict[str, str] = {}
    for facts in answered:
        for name, value in facts.facts.items():
            if len(together) < MOST_FACTS:
                together.setdefault(_one_line(name) or "", _one_line(value) or "")
    return Facts(
        kind=kind.kind if kind is not None else None,
        name=_one_line(next((facts.name for facts in named if facts.name), None)),
        signer=next((facts.signer for facts in answered if facts.signer is not None), None),
        owner=next((facts.owner for facts in answered if facts.owner is not None), None),
        origin=next((facts.origin for facts in answered if facts.origin is not None), None),
        facts=together,
    )


def _one_line(text: str | None) -> str | None:
    if text is None:
        return None
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text[:LONGEST_FACT])


def without_user(url: str) -> str:
    """An address without the name and the password that may stand in it: reports are shown, kept and handed on.

    >>> without_user("https://ann:secret@example.org/x@y"), without_user("https://example.org/x@y")
    ('https://example.org/x@y', 'https://example.org/x@y')
    """
    return re.sub(r"^([A-Za-z][A-Za-z0-9+.-]*://)[^/?#]*@", r"\1", url)


def _origin(given: str | None, facts: Facts) -> str | None:
    origin = given if given is not None else facts.origin
    return None if origin is None else _one_line(without_user(origin))


def _is_text(head: bytes) -> bool:
    """Whether a file that begins so is text: UTF-8 without zero bytes; the last character may be cut off."""
    try:
        codecs.getincrementaldecoder("utf-8")().decode(head)
    except UnicodeDecodeError:
        return False
    return b"\0" not in head


def _not_a_program(file: Opened, host: Host) -> PratiqueError:
    head = file.head()
    if not host.implementations("launch"):
        return CannotError(
            f"no plugin that runs here can start a program, so {file.typed} was not looked at",
            hint="`pratique plugins` says why each is off; `pratique doctor` what mends it",
        )
    if head.startswith(b"#!"):
        words = head.decode("utf-8", "replace").split("\n", 1)[0].removeprefix("#!").split()
        names = [Path(word).name for word in words if not word.startswith("-")]
        reads = next((name for name in names if name != "env"), "sh")
        return UsageError(
            f"{file.typed} is a script, and no plugin that runs here knows scripts",
            hint=f"`pratique plugins` says why; as a command of its interpreter: pratique run -- {reads} {file.typed}",
        )
    start = head[:512].lstrip().lower()
    if start.startswith((b"<!doctype html", b"<html", b"<?xml")):
        return UsageError(
            f"{file.typed} is a web page, not a program",
            hint="the download went wrong, perhaps to a log-in or error page: fetch it again",
        )
    damaged = head.startswith(_ELF)
    if _is_text(head) and not damaged:
        return UsageError(
            f"{file.typed} is text without a #! line, not a program Pratique knows",
            hint=f"if it is a shell script: pratique run -- sh {file.typed}",
        )
    return UsageError(
        f"{file.typed} is not a program Pratique knows: it begins with {head[:8].hex(' ')}",
        hint="so do programs for Linux, but this is none: it is damaged, fetch it again"
        if damaged
        else f"`file {file.typed}` may know it; what is run is listed in docs/installers.md",
    )


# -- commands ---------------------------------------------------------------------------------------------------------


def _as_command(typed: tuple[str, ...], bare: bool) -> str | None:
    """The absolute path of the program when a command was typed, None when a file was. Links are kept: npm is one."""
    first = typed[0]
    if "/" in first:
        # os.path answers no where a Path raises: a directory that may not be entered, a loop of links.
        place = Path(os.path.realpath(Path(first).parent)) / Path(first).name
        if not (os.path.isfile(place) and os.access(place, os.X_OK)):  # noqa: PTH113
            return None
        manager = command_kind(typed) != "command" and _in_virtual_environment(place)
        return str(place) if manager or _on_the_path(place) else None
    found = shutil.which(first)
    if found is None:
        if bare and not os.path.isfile(first):  # noqa: PTH113
            raise UsageError(
                f"no program called {first!r} is on the PATH", hint="check the spelling, or write its path"
            )
        return None
    if bare or not os.path.isfile(first):  # noqa: PTH113
        return str(Path(found).absolute())
    if Path(first).samefile(found):
        return None
    raise UsageError(
        f"{first!r} is both a file here and the program {found}", hint=f"write ./{first} for the file, or {found}"
    )


def _on_the_path(place: Path) -> bool:
    """`/usr/bin/sh setup.sh` is the command it would be without the path, not the installer `sh`."""
    return str(place.parent) in os.environ.get("PATH", os.defpath).split(os.pathsep)


def _in_virtual_environment(place: Path) -> bool:
    return (place.parent.parent / "pyvenv.cfg").is_file()


def command_kind(typed: Sequence[str]) -> str:
    """npm, pip or command: what fetches its code from a registry is told from the rest by name."""
    name = Path(typed[0]).name
    stem = name.rstrip("0123456789.")
    if stem in _PYTHONS and list(typed[1:3]) == ["-m", "pip"]:
        return "pip"
    return PACKAGE_MANAGERS.get(name) or ("pip" if stem == "pip" else "command")


def _command(
    host: Host, typed: tuple[str, ...], program: str, trust: Trust, origin: str | None
) -> tuple[Subject, tuple[str, ...]]:
    """The subject of a command and the hashes of the local files it names.

    Its program is a file like any other: `size`, `signer`, `owner` and the facts are of that file. So is `sha256` where
    nothing else was typed; otherwise it is of the program, the words and the local files together: what a decision is
    remembered by must not be the hash of `npm`. What a registry will send is not in it; a decision therefore also keeps
    what was agreed to.
    """
    with regular_file(program) as file:
        facts = _facts(host, file, trust)
        program_sha256, size = file.sha256(), file.size
        file.check_unchanged()
    files = local_files(typed[1:])
    ours = {"program": program, "program_sha256": program_sha256}
    ours.update({f"file:{name}": sha256 for name, sha256 in files.items()})
    subject = Subject(
        path=program,
        command=typed,
        sha256=_together(program_sha256, typed, files) if typed[1:] else program_sha256,
        size=size,
        kind=command_kind(typed),
        name=_one_line(" ".join(typed)) or "",
        signer=facts.signer,
        owner=facts.owner,
        origin=_origin(origin, facts),
        facts={**facts.facts, **ours},
    )
    return subject, (program_sha256, *files.values())


def _together(program_sha256: str, typed: tuple[str, ...], files: dict[str, str]) -> str:
    whole: dict[str, Any] = {"program": program_sha256, "words": typed, "files": files}
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode("utf-8", "surrogateescape")).hexdigest()


def local_files(words: Sequence[str]) -> dict[str, str]:
    """The files that are named by words, or behind the `=` of one, with their SHA-256."""
    files: dict[str, str] = {}
    for word in words:
        for candidate in (word, word.partition("=")[2]):
            if len(files) < MOST_FILES and candidate and _is_file(candidate):
                with regular_file(candidate) as file:
                    files[candidate] = file.sha256()
    return files


def _is_file(word: str) -> bool:
    try:
        path = Path(word)
        return path.is_file() and path.stat().st_size > 0
    except (OSError, ValueError):
        return False
