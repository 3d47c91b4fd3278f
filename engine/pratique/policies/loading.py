"""Loading policies: by name or path for those who need one, by any number of paths for those who write them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from pathlib import Path

import msgspec

from pratique.errors import PolicyError, UsageError
from pratique.events import Vocabulary
from pratique.policies.collecting import no_collecting
from pratique.policies.copies import aside
from pratique.policies.hashes import faults_of_lists
from pratique.policies.located import located
from pratique.policies.reading import files_below, no_such
from pratique.policies.search import Library, search_path
from pratique.policy.checker import check as check_sources
from pratique.policy.compose import ownerless
from pratique.policy.diagnostics import SHOWN, Diagnostic, errors, in_order, render, summary
from pratique.policy.model import Policy
from pratique.policy.scope import Source


class Outcome(msgspec.Struct, frozen=True):
    """What came of checking some files. `policies` holds those without errors, by name."""

    policies: dict[str, Policy]
    diagnostics: tuple[Diagnostic, ...]
    texts: dict[str, str]
    files: tuple[str, ...]

    @property
    def good(self) -> bool:
        return not errors(self.diagnostics)

    def rendered(self, *, colour: bool = False, every: bool = False) -> str:
        """The diagnostics for people, "" when there are none; the first ones, unless `every` is wanted."""
        shown = len(self.diagnostics) if every else SHOWN
        more = "; `pratique policy check --all` shows every one"
        return render(self.diagnostics, self.texts, colour=colour, shown=shown, more=more)

    def summary(self) -> str:
        """`2 errors in 1 file`; "" when all is good."""
        return summary(self.diagnostics)


def check(
    paths: Sequence[Path],
    vocabulary: Vocabulary,
    *,
    directories: Iterable[Path] = (),
    observed: Collection[str] | None = None,
) -> Outcome:
    """Check every policy that these files and directories belong to.

    A file that is part of a policy is checked with the whole of it: the rest is looked for in the file's own directory
    (not below: it may be somebody's home), in `directories` and in the search path. Of several files with a header of
    one name, those that are named here count, and not the versions and copies that lie beside them.
    Raises `UsageError` when a path does not exist.
    """
    given: dict[Path, None] = {}
    beside: dict[Path, bool] = {}  # whether to search below it, too
    for path in paths:
        if not path.exists():
            raise no_such(path)
        given |= dict.fromkeys(files_below(path.absolute()) if path.is_dir() else [path.absolute()])
        near = path.absolute() if path.is_dir() else path.absolute().parent
        beside[near] = beside.get(near, False) or path.is_dir()
    if not given:
        raise UsageError(f"no *.policy files in {', '.join(map(str, paths))}")
    known = search_path(directories)
    flat = {near for near, deep in beside.items() if not deep and near not in known}
    named = [path.absolute() for path in paths if not path.is_dir()]
    return _check(list(given), Library((*beside, *known), flat=flat, named=named), vocabulary, observed)


def check_named(
    name: str,
    library: Library,
    vocabulary: Vocabulary,
    *,
    besides: Iterable[Path] = (),
    observed: Collection[str] | None = None,
) -> Outcome:
    """Check the policy of that name, and the files `besides`. Raises `PolicyError` when there is no such policy."""
    files = library.files(name)
    given = list(dict.fromkeys((*files, *besides)))
    outcome = _check(given, library, vocabulary, observed)
    if not files and outcome.good:
        known = ", ".join(library.names()) or "there are none at all"
        raise PolicyError(f'there is no policy "{name}"', hint=f"known policies: {known}")
    return outcome


def _check(given: list[Path], library: Library, vocabulary: Vocabulary, observed: Collection[str] | None) -> Outcome:
    with no_collecting():
        return _check_all(given, library, vocabulary, observed)


def _check_all(
    given: list[Path], library: Library, vocabulary: Vocabulary, observed: Collection[str] | None
) -> Outcome:
    by_policy: dict[str, list[Source]] = {}
    diagnostics: list[Diagnostic] = []
    for source in library.sources(given):
        if (fault := ownerless(source)) is not None:
            diagnostics.append(fault)
        by_policy.setdefault(source.policy, []).append(source)
    origin = dict.fromkeys(given)
    policies: dict[str, Policy] = {}
    files: dict[str, None] = {}
    for name, own in by_policy.items():
        sources = {source.name: source for source in (*own, *(library.find(name) if name else ()))}
        checked = check_sources(
            name, list(sources.values()), vocabulary, find=library.find, known=library.names(), observed=observed,
            aside=aside,
        )  # fmt: skip
        diagnostics += checked.diagnostics
        files |= dict.fromkeys(sources)
        if checked.policy is not None and name:
            policies[name] = located(checked.policy, library)
            if observed is not None:  # for its author; a session reads its lists itself, and refuses
                diagnostics += faults_of_lists(policies[name])
    for path, fault in library.faults.items():
        owner = library.owner(path)
        # Of several headers of a name, that of the file that was named counts.
        elsewhere = library.has_header(path) and any(
            library.has_header(one) and library.owner(one) == owner for one in origin
        )
        if path in origin or (owner and owner in by_policy and not elsewhere):
            diagnostics.append(fault)
        elif _is_beside(path, library, by_policy):
            diagnostics.append(msgspec.structs.replace(fault, severity="warning", help="it is passed over"))
    if errors(diagnostics):
        policies = {}
    return Outcome(policies, tuple(in_order(diagnostics)), library.shown_texts(), tuple(files))


def _is_beside(path: Path, library: Library, policies: Collection[str]) -> bool:
    """Whether an unreadable file lies beside the files of one of these policies."""
    return any(path.parent == file.parent for name in policies for file in library.files(name))


def load(
    named: str | Path | Sequence[str | Path], vocabulary: Vocabulary, *, directories: Iterable[Path] = ()
) -> Policy:
    """The policy of that name, or the one that these files and directories hold: the one no other of them extends.

    Raises `PolicyError` with the rendered diagnostics when it has errors, `UsageError` when a path does not exist.
    """
    every = [named] if isinstance(named, str | Path) else list(named)
    if len(every) == 1 and not _is_path(every[0]):
        outcome = check_named(str(every[0]), Library(search_path(directories)), vocabulary)
    else:
        outcome = check([Path(one) for one in every], vocabulary, directories=directories)
    if not outcome.good:
        raise PolicyError(f"{outcome.summary()}; nothing was loaded", rendered=outcome.rendered())
    extended = {base for policy in outcome.policies.values() for base in policy.extends}
    tops = [policy for name, policy in outcome.policies.items() if name not in extended]
    if len(tops) != 1:
        known = ", ".join(policy.name for policy in tops) or "none"
        raise PolicyError(f"expected one policy; found {known}", hint="name the files of one, or its name")
    return tops[0]


def _is_path(named: str | Path) -> bool:
    text = str(named)
    return isinstance(named, Path) or "/" in text or text.endswith(".policy")
