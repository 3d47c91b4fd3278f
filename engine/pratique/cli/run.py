"""pratique run: quarantine, show, ask, install what is admitted."""

from __future__ import annotations

import argparse
import contextlib
import errno
import os
import shlex
import signal
import stat
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pratique import warden
from pratique.cli import beforehand, bounds, chosen, piped
from pratique.cli.standard_output import for_a_document
from pratique.errors import NoRoomError, PratiqueError, UsageError

if TYPE_CHECKING:
    from pratique.run import Result

EPILOG: Final = """\
The installer runs over a copy-on-write view of this machine: it sees everything as it is (private files excepted), and
changes nothing. When it has ended, what it did is weighed against the policy, you decide, and what you admit is put in
place.

examples:
  pratique run ./setup.run                    judge, ask, install
  pratique run --without ./tool.deb           (as root) leave out what is undesirable, ask nothing
  pratique run --without-component toolbar-helper ./freeplayer.run
  pratique run -- npm install left-pad        a command; npm and pip reach their registries
  pratique run --refuse --json ./setup.run    only look: print the report, install nothing
  pratique run --keep ./setup.run             decide later: pratique commit ID

exit codes:
   0  installed (with or without parts left out); with --keep: clean, and kept
   1  a fault of ours                          6  the installer itself failed
   2  wrong usage, or no such installer        7  deadline passed
   3  invalid policy or host file              8  no room on the disk
   4  this machine or user cannot             10  judged undesirable, not installed
   5  the host changed meanwhile              11  clean but refused, or blocked as known
                                             130  interrupted
"""

_WITH_VALUE: Final = frozenset(
    {
        "--policy",
        "--network",
        "--give",
        "--as-user",
        "--record",
        "--from",
        "--timeout",
        "--host",
        "--disable",
        "--without-component",
    }
)
_OURS: Final = _WITH_VALUE | bounds.OPTIONS | {"--install", "--without", "--refuse", "--json", "--anyway", "--keep"}


#: A document that goes to standard output is kept apart from what else is printed there.
_TO_STANDARD_OUTPUT: Final = frozenset({"--json", "--json=/dev/stdout"})


def configure(parser: argparse.ArgumentParser) -> None:
    parser.usage = "pratique run [OPTIONS] INSTALLER [ARGUMENT...]\n       pratique run [OPTIONS] -- COMMAND..."
    parser.epilog = EPILOG
    beforehand.configure(parser)
    chosen.policy_option(parser)
    parser.add_argument(
        "--network", choices=["none", "observed", "host"], help="the network the program gets (default: the policy's)"
    )
    parser.add_argument(
        "--give", action="append", default=[], metavar="SOCKET",
        help="let it use the display, session-bus, system-bus, ssh-agent, gpg-agent, or a socket's path (repeatable)",
    )  # fmt: skip
    parser.add_argument("--as-user", metavar="NAME", help="run the program as this user (root only)")
    parser.add_argument("--anyway", action="store_true", help="go on although the installer itself failed")
    parser.add_argument("--keep", action="store_true", help="decide later: install nothing, keep what it did")
    parser.add_argument("--record", metavar="FILE", type=Path, help="keep the session, for `pratique replay`")
    parser.add_argument("--from", dest="origin", metavar="URL", type=_url, help="where the installer came from")
    parser.add_argument(
        "--json", nargs="?", const="-", metavar="FILE", help="print the report as JSON (to FILE with --json=FILE)"
    )
    parser.add_argument("--timeout", metavar="SECONDS", type=_seconds, help="end it after so long (30, 5m, 1h)")
    parser.add_argument("--host", metavar="FILE", type=Path, help="the role file to use")
    parser.add_argument("--disable", action="append", default=[], metavar="PLUGIN", help="run without this plugin")
    bounds.configure(parser)
    parser.add_argument("--bare", action="store_true", help=argparse.SUPPRESS)  # put in by `prepare` for `--`
    parser.add_argument("installer", metavar="INSTALLER", help="the program to judge; or a command after --")
    rest = parser.add_argument(
        "arguments", nargs=argparse.REMAINDER, metavar="ARGUMENT", help="handed to the installer"
    )
    rest.required = False  # or argparse would name it beside INSTALLER when that is missing


def prepare(words: Sequence[str]) -> list[str]:
    """Make `--json ./setup.run` mean what it says (FILE is taken from `--json=FILE` only); mark a command after `--`.

    Raises `UsageError` for an option of ours behind the installer: handing `--refuse` to the installer would install.
    """
    at = _installer(words)
    ours = ["--json=-" if word in _TO_STANDARD_OUTPUT else word for word in words[:at]]
    if at < len(words) and words[at] == "--":
        return [*ours, "--bare", *words[at:]]
    rest = words[at + 1 : words.index("--", at)] if "--" in words[at:] else words[at + 1 :]
    for word in rest:
        if word.split("=", 1)[0] in _OURS:
            before, after = shlex.join([*words[:at], word]), shlex.join([words[at], *(w for w in rest if w != word)])
            raise UsageError(
                f"{word} stands behind the installer, which would be handed it",
                hint=f"pratique run {before} {after}; for the installer itself: pratique run "
                f"{shlex.join([*words[:at], '--', *words[at:]])}",
            )
    return [*ours, *words[at:]]


def _installer(words: Sequence[str]) -> int:
    """Where the installer stands: the first word that is no option and no option's value, or `--`."""
    value_follows = False
    for index, word in enumerate(words):
        if value_follows:
            value_follows = False
        elif word == "--" or not word.startswith("-"):
            return index
        else:
            value_follows = word in _WITH_VALUE | bounds.OPTIONS
    return len(words)


def _seconds(text: str) -> float:
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = (text[:-1], text[-1]) if text[-1:] in units else (text, "s")
    try:
        value = float(number) * units[unit]
    except ValueError:
        raise argparse.ArgumentTypeError(f"expected a time such as 30, 30s, 5m or 1h; found {text!r}") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"expected a time above zero; found {text!r}")
    return value


def _url(text: str) -> str:
    """What a policy's lists of origins are compared with: its scheme and host must be there to be found."""
    from pratique.identify import without_user

    text = without_user(text)
    scheme, between, rest = text.partition("://")
    if not (between and scheme.isalpha() and rest.strip("/")) or any(char.isspace() for char in text):
        raise argparse.ArgumentTypeError(f"expected an address such as https://example.org/setup.run; found {text!r}")
    return text


def run(args: argparse.Namespace) -> int:
    if args.keep and args.flag:
        raise UsageError("--keep decides nothing, so it cannot go with a decision", hint="leave one of the two out")
    _check_sockets(args.give)
    _check_outputs(args)
    with for_a_document(wanted=args.json == "-") as print_document, warden.watching():
        return _run(args, print_document)


def _run(args: argparse.Namespace, print_document: Callable[[bytes], None]) -> int:
    from pratique import history, recording
    from pratique import report as reporting
    from pratique import run as running
    from pratique.cli.face import TerminalFace
    from pratique.cli.recovering import clear_up
    from pratique.host import Host

    host = Host.open(args.host, disable=args.disable)
    notes: tuple[str, ...] = ()
    if args.policy:
        policy = chosen.policy(args.policy, host)
    else:
        held = chosen.in_force(host)
        policy = held.policy
        if held.reason:
            notes = (f"{held.reason}; the {'last good' if held.since else 'shipped'} policy is in force",)
    attended = sys.stdin.isatty() and sys.stderr.isatty()
    face = TerminalFace(host, quiet=args.json == "-", lent=attended)
    options = running.Options(
        command=(args.installer, *args.arguments),
        bare=args.bare,
        flag=beforehand.flag(args),
        without_components=tuple(args.without_component),
        network=args.network,
        as_user=args.as_user,
        anyway=args.anyway,
        keep=args.keep,
        origin=args.origin,
        timeout=args.timeout,
        limits=bounds.limits(args),
        give=tuple(args.give),
        attended=attended,
        typed=shlex.join(["run", *args.typed]),
    )
    if not attended:
        piped.refuse(options.command, bare=options.bare)
    clear_up()
    with asked_to_end():
        result = running.run(options, policy, host, face, notes=notes)
    outputs: list[tuple[str, Callable[[], object]]] = [("the history", lambda: history.save(result.report))]
    withheld = policy.plan.record_without
    if args.record:
        outputs.append((str(args.record), lambda: recording.write(result.recording, args.record, without=withheld)))
    if args.json == "-":
        outputs.append(("standard output", lambda: print_document(reporting.to_json(result.report))))
    elif args.json:
        outputs.append((args.json, lambda: Path(args.json).write_bytes(reporting.to_json(result.report))))
    failed = _keep(outputs)
    face.finish(result)
    if not attended and (missed := piped.missed(options.command, bare=options.bare)):
        print(f"pratique: {missed}", file=sys.stderr)
    if args.keep and result.report.ended == "completed":
        session = result.report.id
        print(f"kept: `pratique commit {session}` decides it, `pratique discard {session}` removes it", file=sys.stderr)
    return _complain_of(failed, result) if failed else result.exit_code


@contextlib.contextmanager
def asked_to_end() -> Iterator[None]:
    """To be told to end, or to lose one's terminal, is like Ctrl-C: what is under way is given up in good order."""

    def interrupt(number: int, _: object) -> None:
        if number == signal.SIGHUP:  # a terminal goes once; the kernel says so, and the shell again
            signal.signal(number, signal.SIG_IGN)
        raise KeyboardInterrupt

    before = {number: signal.signal(number, interrupt) for number in (signal.SIGTERM, signal.SIGHUP)}
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is interrupt:  # else the terminal is gone, and there is an end to be written
                signal.signal(number, handler)


def _keep(outputs: Sequence[tuple[str, Callable[[], object]]]) -> dict[str, OSError]:
    """Write each of them; what could not be written is in the answer. One that fails does not keep the others back."""
    failed: dict[str, OSError] = {}
    for name, write in outputs:
        try:
            write()
        except OSError as error:
            failed[name] = error
    return failed


def _complain_of(failed: Mapping[str, OSError], result: Result) -> int:
    """Say what could not be kept of a session that is over. The exit code: no room, unless something was installed."""
    for name, error in failed.items():
        print(f"pratique: the report could not be written to {name}: {error.strerror}", file=sys.stderr)
    print(f"  the session itself is over: {result.message or 'what was admitted is installed'}", file=sys.stderr)
    no_room = all(error.errno in (errno.ENOSPC, errno.EDQUOT) for error in failed.values())
    return NoRoomError.exit_code if no_room and result.exit_code != 0 else PratiqueError.exit_code


def _check_sockets(wanted: Sequence[str]) -> None:
    """Refuse a mistyped name, which would else be taken for the path of a socket that is not there."""
    if not wanted:
        return
    from pratique.policy.nearest import did_you_mean, listed
    from pratique.policy.sessionplan import SOCKETS

    for word in wanted:
        if word not in SOCKETS and "/" not in word:
            raise UsageError(
                f"--give: {word!r} is no socket that can be given",
                hint=did_you_mean(word, SOCKETS) or f"name {listed(SOCKETS)}, or a path with a slash: ./{word}",
            )


def _check_outputs(args: argparse.Namespace) -> None:
    """Refuse before anything runs what could not be written afterwards."""
    for option, file in (("--record", args.record), ("--json", args.json)):
        if file is None or file == "-":
            continue
        if option == "--json" and _is_a_stream(file):
            continue
        path = os.path.realpath(file)
        there = os.path.lexists(path)
        # A recording is put in place by a rename: what is there must be a file that may be replaced, no device.
        fit = os.path.isfile(path) if there and option == "--record" else not os.path.isdir(path)  # noqa: PTH112, PTH113
        target = path if there and option == "--json" else os.path.dirname(path)  # noqa: PTH120
        new = not there or option == "--record"
        if not (str(file) and fit and os.access(target, os.W_OK) and (not new or _takes_files(target))):
            raise UsageError(
                f"{option}: cannot write {file or 'to a file without a name'}",
                hint="name a file in a directory that exists and is yours"
                + ("; --json alone writes to standard output" if option == "--json" else ""),
            )
        if there and option == "--record" and not _may_be_replaced(Path(path)):
            raise UsageError(
                f"--record: {file} is there already, and is no recording", hint="name another file, or remove that one"
            )


def _is_a_stream(file: str) -> bool:
    """Whether it is a pipe or a device to write to: /dev/fd/3, whose links lead to no path."""
    try:
        mode = Path(file).stat().st_mode
    except (OSError, ValueError):
        return False
    return (stat.S_ISFIFO(mode) or stat.S_ISCHR(mode)) and os.access(file, os.W_OK)


def _may_be_replaced(path: Path) -> bool:
    """Whether nothing but a recording is lost with this file."""
    from pratique import recording

    try:
        return path.stat().st_size == 0 or recording.begins_as_one(path)
    except OSError:
        return False


def _takes_files(directory: str) -> bool:
    """Whether a file can be made there: root may write everywhere, says the kernel, but not into /proc."""
    try:
        tempfile.TemporaryFile(dir=directory).close()
    except OSError:
        return False
    return True
