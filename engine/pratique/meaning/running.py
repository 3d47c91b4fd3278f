"""Which file a process runs: an interpreter's is its script.

`sh setup.sh` and `./setup.sh` are the same act, and neither is the doing of `/bin/sh`. Command lines are read the way
the interpreters read them, as far as it takes to find the script. Programs that start others (`env`, `nice`, `xargs`)
need nothing here: what they start is a process of its own.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Mapping, Sequence
from typing import Final

import msgspec

from pratique.recording import Process


class Reads(msgspec.Struct, frozen=True):
    """How an interpreter reads its command line."""

    inline: str = ""  # letters of options whose code stands on the command line or in a module
    valued: str = ""  # letters of options whose value is the rest of the word, or else the next word
    joined: str = ""  # letters of options whose value is the rest of the word, and may be empty
    words: tuple[str, ...] = ()  # long options whose value is the next word
    inline_words: tuple[str, ...] = ()  # long options whose value is code
    script_words: tuple[str, ...] = ()  # options whose value is the script
    long_by_one_dash: bool = False


_SHELL: Final = Reads(inline="cs", valued="oO", words=("--rcfile", "--init-file"), inline_words=("--command",))
_NODE: Final = Reads(
    inline="ep", valued="rC",
    words=("--require", "--import", "--loader", "--experimental-loader", "--conditions", "--env-file"),
    inline_words=("--eval", "--print"),
)  # fmt: skip
#: A class is run out of the first archive of the class path.
_JAVA: Final = Reads(
    words=("-p", "--module-path", "--add-modules", "--add-opens", "--add-exports"),
    script_words=("-jar", "-cp", "-classpath", "--class-path"), long_by_one_dash=True,
)  # fmt: skip
_PLAIN: Final = Reads()

#: By the program's name without its version.
INTERPRETERS: Final[Mapping[str, Reads]] = {
    **dict.fromkeys(("sh", "bash", "dash", "ash", "ksh", "mksh", "zsh", "fish", "csh", "tcsh"), _SHELL),
    **dict.fromkeys(("python", "pypy"), Reads(inline="cm", valued="WX", words=("--check-hash-based-pycs",))),
    "perl": Reads(inline="eE", valued="I", joined="CMmiFdDx0lV"),
    "ruby": Reads(inline="e", valued="IrCE", joined="FKTWx0i"),
    **dict.fromkeys(("node", "nodejs"), _NODE),
    "php": Reads(inline="rBRE", valued="cdz", script_words=("-f", "--file")),
    "java": _JAVA,
    "lua": Reads(inline="e", valued="l"),
    **dict.fromkeys(("awk", "gawk", "mawk"), Reads(valued="Fv", script_words=("-f", "--file"))),
    **dict.fromkeys(("tclsh", "wish", "expect", "guile", "Rscript", "mono", "dotnet"), _PLAIN),
    **dict.fromkeys(("wine", "wine64", "wine-preloader", "wine64-preloader"), _PLAIN),
}  # fmt: skip

_VERSION: Final = re.compile(r"-?[0-9][0-9.]*$")
#: The dynamic loaders of glibc and musl, started as programs.
_LOADER: Final = re.compile(r"^ld(?:-linux[^/]*|-musl[^/]*|-[0-9.]+|64)?\.so(?:\.[0-9]+)?$")
_LOADER_VALUED: Final = frozenset({"--library-path", "--preload", "--audit", "--argv0", "--inhibit-rpath",
                                   "--glibc-hwcaps-prepend", "--glibc-hwcaps-mask"})  # fmt: skip


def file_run(process: Process) -> str:
    """The file whose code the process runs; "" when its interpreter was given the code by other means than a file."""
    return _run(process.program, process.arguments, process.directory or "/")


def _run(program: str, arguments: Sequence[str], directory: str) -> str:
    name = program.rsplit("/", 1)[-1]
    words = list(arguments[1:])
    if _LOADER.match(name):
        while words and words[0].startswith("-"):
            del words[: 2 if words[0] in _LOADER_VALUED else 1]
        if not words:
            return program
        program = _absolute(words[0], directory)
        name = program.rsplit("/", 1)[-1]
        del words[0]
    if name.startswith("busybox"):
        called = arguments[0].rsplit("/", 1)[-1] if arguments else ""
        name = words.pop(0) if called.startswith("busybox") and words else called
    reads = _interpreter(name)
    if reads is None:
        return program
    script = _script(reads, words)
    return _absolute(script, directory) if script else ""


def _interpreter(name: str) -> Reads | None:
    found = INTERPRETERS.get(name)
    return found if found is not None else INTERPRETERS.get(_VERSION.sub("", name))


def is_interpreter(program: str) -> bool:
    """
    >>> is_interpreter("/usr/bin/python3.11"), is_interpreter("/usr/bin/tar")
    (True, False)
    """
    return _interpreter(program.rsplit("/", 1)[-1]) is not None


def _absolute(path: str, directory: str) -> str:
    return posixpath.normpath(posixpath.join(directory, path)).replace("//", "/")


def _script(reads: Reads, words: Sequence[str]) -> str:
    """The script among the words behind an interpreter's name; "" for none."""
    skip = False
    for index, word in enumerate(words):
        if skip:
            skip = False
            continue
        if word in ("--", "-"):
            # Behind "-" a shell may have a script; of other interpreters it is the standard input.
            follows = words[index + 1] if index + 1 < len(words) else ""
            return follows if word == "--" or reads is _SHELL else ""
        if not word.startswith(("-", "+")) or word == "+":
            return word
        option, equals, value = word.partition("=")
        if option in reads.script_words:
            found = value if equals else words[index + 1] if index + 1 < len(words) else ""
            return found.split(":")[0] if reads is _JAVA else found
        if option in reads.inline_words:
            return ""
        if option in reads.words:
            skip = not equals
            continue
        if word.startswith("--") or reads.long_by_one_dash:
            continue
        for at, letter in enumerate(word[1:], 1):
            if letter in reads.inline:
                return ""
            if letter in reads.valued or letter in reads.joined:
                skip = letter in reads.valued and at == len(word) - 1
                break
    return ""
