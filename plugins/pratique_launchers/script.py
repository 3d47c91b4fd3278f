"""Scripts: known by their `#!` line; run by the interpreter it names, so that they need not be executable."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Final

from pratique import Facts, Launch, Request, Subject, hookimpl

#: What the kernel reads of the first line (BINPRM_BUF_SIZE of <linux/binfmts.h>).
LONGEST_LINE: Final = 256
#: Interpreter -> the Debian package that brings it.
PACKAGES: Final = {
    "sh": "dash", "dash": "dash", "bash": "bash", "zsh": "zsh", "ksh": "ksh", "fish": "fish", "csh": "csh",
    "tcsh": "tcsh", "busybox": "busybox", "perl": "perl", "python": "python-is-python3", "python3": "python3",
    "ruby": "ruby", "node": "nodejs", "nodejs": "nodejs", "php": "php-cli", "lua": "lua5.4", "tclsh": "tcl",
    "wish": "tk", "expect": "expect", "awk": "mawk", "gawk": "gawk", "make": "make", "Rscript": "r-base-core",
    "guile": "guile-3.0", "env": "coreutils",
}  # fmt: skip

#: Where packages put interpreters: one that is missing elsewhere, no package brings.
PACKAGED: Final = frozenset({"/bin", "/sbin", "/usr/bin", "/usr/sbin"})


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        head = file.read(LONGEST_LINE)
    words = interpreter(head)
    if words is None:
        return None
    line_end = "CRLF" if head.partition(b"\n")[0].endswith(b"\r") else "LF"
    return Facts(kind="script", certainty=0.6, facts={"interpreter": shlex.join(words), "line_end": line_end})


def interpreter(head: bytes) -> tuple[str, ...] | None:
    """The interpreter of a file that begins so, with its one argument, as the kernel would start it; None for no `#!`.

    >>> interpreter(b"#!/usr/bin/perl -w -T\\n")
    ('/usr/bin/perl', '-w -T')
    """
    if not head.startswith(b"#!"):
        return None
    line = head[2:LONGEST_LINE].split(b"\n", 1)[0].rstrip(b"\r").strip(b" \t")
    if not line or b"\0" in line:
        return None
    return tuple(line.decode("utf-8", "surrogateescape").split(None, 1))


def language(words: tuple[str, ...]) -> str:
    """The program that reads the script: what `env` is asked to find, else the interpreter itself."""
    name = Path(words[0]).name
    if name == "env" and len(words) > 1:
        asked = [word for word in words[1].split() if not word.startswith("-") and "=" not in word]
        return Path(asked[0]).name if asked else name
    return name


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "script":
        return None
    return run_script(subject, request, describe="script")


def _bringing(interpreter: str, package: str) -> str:
    """The package that brings the interpreter to where the script looks for it; "" when none would."""
    path = Path(interpreter)
    if str(path.parent) not in PACKAGED:
        return ""
    return PACKAGES["env"] if path.name == "env" else package


def run_script(subject: Subject, request: Request, *, describe: str, extra: tuple[str, ...] = ()) -> Launch:
    """Start a script by its interpreter, with `extra` before the person's own arguments."""
    words = tuple(shlex.split(subject.facts.get("interpreter", "/bin/sh")))
    reads = language(words)
    cannot = hint = ""
    if subject.facts.get("line_end") == "CRLF":
        cannot = "this script has Windows line ends (CR LF), which its interpreter takes for part of the commands"
        hint = f"sed -i 's/\\r$//' {shlex.quote(subject.path)}"
    package = PACKAGES.get(reads) or PACKAGES.get(re.sub(r"[0-9.]+$", "", reads), "")
    needs = {words[0]: _bringing(words[0], package)}
    if reads != Path(words[0]).name:
        needs[reads] = package
    return Launch(
        command=(*words, subject.path, *extra, *request.arguments),
        needs=needs,
        describe=f"{reads} {describe}",
        cannot=cannot,
        hint=hint,
    )
