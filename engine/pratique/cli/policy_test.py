"""`pratique policy test`: run the examples and tests that stand in the policy files."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pratique.cli import plain

if TYPE_CHECKING:
    from pratique.author.testing_policies import Result
    from pratique.policy.model import Policy

_EPILOG: Final = """\
Runs every `match` and `no match` of the actions, each against its own action alone, and every `test` block. A `~` in
them is the home of a made-up person. Recordings are looked for beside the policy file.

exit codes: 0 all passed, 3 some failed or the policy is invalid, 2 no such file

examples:
  pratique policy test                  the policy in force
  pratique policy test ./policies
  pratique policy test ours.policy --json
"""


def configure(parser: argparse.ArgumentParser) -> None:
    parser.epilog = _EPILOG
    parser.add_argument(
        "path", nargs="*", type=Path, metavar="PATH", help="files or directories (default: what is in force)"
    )
    parser.add_argument("-v", "--verbose", action="store_true", help="name those that passed too")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    from pratique.author import testing_policies
    from pratique.host import Host

    host = Host.open()
    vocabulary = host.vocabulary()
    every = _policies(args.path, host)
    results = [result for policy in every for result in testing_policies.run(policy, vocabulary)]
    wrong = [result for result in results if not result.passed]
    if args.json:
        import msgspec

        document = {"passed": len(results) - len(wrong), "failed": len(wrong), "results": results}
        sys.stdout.write(msgspec.json.format(msgspec.json.encode(document), indent=2).decode() + "\n")
        return 3 if wrong else 0
    for result in results if args.verbose else wrong:
        print(plain.lines("\n".join(lines(result))))
    print(plain.printable(_summary(every, results, wrong)))
    return 3 if wrong else 0


def _policies(paths: list[Path], host: object) -> list[Policy]:
    """Every policy in these files; the one in force without any."""
    from pratique import policies
    from pratique.cli import chosen
    from pratique.errors import PolicyError
    from pratique.host import Host

    assert isinstance(host, Host)
    if not paths:
        return [chosen.sound_policy((), host)]
    directories = [Path(place) for place in host.role.policies]
    outcome = policies.check(paths, host.vocabulary(), directories=directories)
    if not outcome.good:
        raise PolicyError(f"{outcome.summary()}; nothing was tested", rendered=outcome.rendered())
    return list(outcome.policies.values())


def lines(result: Result) -> list[str]:
    """A result in words: what it is, where it stands, and what was otherwise than expected."""
    name = f'test "{result.name}"' if result.kind == "test" else f"{result.name}: {result.kind}"
    return [
        f"{'pass' if result.passed else 'FAIL'}  {name}  ({result.where})",
        *(f"      {p}" for p in result.problems),
    ]


def _summary(every: list[Policy], results: list[Result], wrong: list[Result]) -> str:
    names = ", ".join(f"{policy.name} {policy.version}" for policy in every)
    examples = sum(1 for result in results if result.kind != "test")
    tests = len(results) - examples
    counts = f"{examples} example{'' if examples == 1 else 's'} and {tests} test{'' if tests == 1 else 's'} of {names}"
    if not results:
        return f"{names}: no examples and no tests; write `match`, `no match` and `test` to have some"
    return f"{counts}: {f'{len(wrong)} failed' if wrong else 'all passed'}"
