"""The policy in force on this machine, and the last good one for when its files are broken.

What was checked is kept as JSON, under a hash of every text it was made from, of the event kinds it was checked
against and of this checker: the next start need only read the texts. A set of files with errors is never loaded; the
policy kept last stays in force, and the errors are handed on.
"""

from __future__ import annotations

import hashlib
import os
import tempfile
import time
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from pratique import __version__, places, resources
from pratique.errors import PolicyError
from pratique.events import Vocabulary
from pratique.policies.collecting import no_collecting
from pratique.policies.reading import files_below
from pratique.policies.search import Library, search_path
from pratique.policy.model import Policy

if TYPE_CHECKING:
    from pratique.policies.loading import Outcome

#: The shipped policy, in force where the site has none of its own.
SHIPPED: Final = "baseline"


class InForce(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that holds, and since when (seconds since 1970; 0: the shipped one, of which none was kept here).

    `wrong` is what keeps the policy that is wanted from being loaded, `reason` the same in a few words ("": nothing).
    """

    policy: Policy
    since: float
    wrong: PolicyError | None = None
    reason: str = ""

    @property
    def problems(self) -> str:
        """All that is wrong, for people; "": nothing."""
        if self.wrong is None:
            return ""
        return "\n".join(filter(None, (self.wrong.rendered, str(self.wrong), self.wrong.hint)))


class _Kept(msgspec.Struct, frozen=True, kw_only=True):
    key: str
    chosen: str  # the name the role file asked for, "" for none
    since: float
    policy: Policy


def in_force(vocabulary: Vocabulary, *, name: str | None = None, directories: Iterable[Path] = ()) -> InForce:
    """The policy in force: `name` when the role file says one, else the site's own, else the shipped one.

    Where that one is missing or has errors, the one that was last loaded here holds; where none was, the shipped one.
    Another one never holds in the place of one that is named: raises `PolicyError` when no good version of that was
    loaded here, and when the shipped one is needed and cannot be loaded.
    """
    library = Library(search_path(directories))
    key = _key(library, vocabulary, name)
    kept = _read_kept()
    if kept is not None and kept.key == key:
        return InForce(policy=kept.policy, since=kept.since)
    from pratique.policies.loading import check_named

    try:
        chosen = name or own_name(library)
        outcome = check_named(chosen, library, vocabulary, besides=_own_files(library))
    except PolicyError as error:
        return _instead(vocabulary, name, error, reason=str(error), said=str(error))
    if not outcome.good:
        none = f'the policy "{name}" has errors, and no good version of it was loaded here'
        broken = PolicyError(none, rendered=outcome.rendered())
        return _instead(vocabulary, name, broken, reason="the policy files have errors", said=outcome.summary())
    policy = outcome.policies[chosen]
    now = time.time()
    since = kept.since if kept is not None and kept.policy == policy else now
    _keep(_Kept(key=key, chosen=name or "", since=since, policy=policy))
    return InForce(policy=policy, since=since)


def check_in_force(
    vocabulary: Vocabulary,
    *,
    name: str | None = None,
    directories: Iterable[Path] = (),
    observed: Collection[str] | None = None,
) -> Outcome:
    """Check the files that the policy in force is made of, whatever was kept of them. Loads nothing."""
    from pratique.policies.loading import check_named

    library = Library(search_path(directories))
    return check_named(name or own_name(library), library, vocabulary, besides=_own_files(library), observed=observed)


def would_be_in_force(paths: Iterable[Path], directories: Iterable[Path] = ()) -> bool:
    """Whether some of these files and directories are where policies are looked for that are put in force."""
    places = [place.resolve() for place in search_path(directories)]
    named = [path.resolve() for path in paths]
    return any(path == place or place in path.parents or path in place.parents for path in named for place in places)


def _own_files(library: Library) -> list[Path]:
    """The site's files: an error in any of them keeps all from being loaded."""
    return [path for directory in library.directories[:-1] for path in files_below(directory)]


def own_name(library: Library) -> str:
    """The site's own policy: the one in its directories that no other of them extends; else the shipped one.

    Raises `PolicyError` when there are several: then the role file must name one.
    """
    own: dict[str, None] = {}
    for directory in library.directories[:-1]:
        own |= dict.fromkeys(library.names(directory))
    if len(own) > 1:
        extended = set()
        for name in own:
            for source in library.find(name):
                for item in source.file.items:
                    for statement in getattr(item, "statements", ()):
                        extended |= {base.value for base in getattr(statement, "names", ())}
        tops = [name for name in own if name not in extended]
        if len(tops) != 1:
            listed = ", ".join(tops or own)
            hint = "say which: `pratique host set policy NAME`"
            raise PolicyError(f"nobody said which policy is in force. There are several: {listed}", hint=hint)
        return tops[0]
    return next(iter(own), SHIPPED)


def ago(since: float, now: float) -> str:
    """`3 days ago`, for people."""
    seconds = max(0, int(now - since))
    for unit, word in ((86400, "day"), (3600, "hour"), (60, "minute")):
        if seconds >= unit:
            number = seconds // unit
            return f"{number} {word}{'' if number == 1 else 's'} ago"
    return "just now"


def still_in_force(held: InForce) -> str:
    """`the policy in force is still ours 1.0.0 (loaded 3 days ago)`"""
    name = f"{held.policy.name} {held.policy.version}".strip()
    if not held.since:
        lacking = "no policy was ever loaded" if _read_kept() is None else "no good version of it is kept"
        return f"{lacking} on this machine: the shipped {name} is in force"
    return f"the policy in force is still {name} (loaded {ago(held.since, time.time())})"


def last_good(vocabulary: Vocabulary, name: str | None = None) -> InForce | None:
    """The policy that was last loaded on this machine, if it is the one that is wanted by `name`.

    Where it is not, and none is wanted but the shipped one, that. None: nothing can stand in for what is wanted.
    Raises `PolicyError` when the shipped one cannot be loaded.
    """
    kept = _read_kept()
    if kept is not None and (not name or kept.policy.name == name):
        return InForce(policy=kept.policy, since=kept.since)
    if name not in (None, "", SHIPPED):
        return None
    from pratique.policies.loading import check_named

    shipped = check_named(SHIPPED, Library([resources.directory("rules")]), vocabulary)
    if not shipped.good:
        raise PolicyError("the shipped policy cannot be loaded", rendered=shipped.rendered())
    return InForce(policy=shipped.policies[SHIPPED], since=0)


def _instead(vocabulary: Vocabulary, name: str | None, error: PolicyError, *, reason: str, said: str) -> InForce:
    """The last good policy, and why it is not the one that is wanted. Raises the error where nothing stands in."""
    held = last_good(vocabulary, name)
    if held is None:
        raise error
    message = f"{said}; nothing was loaded, {still_in_force(held)}"
    wrong = PolicyError(message, rendered=error.rendered, hint=error.hint)
    return msgspec.structs.replace(held, wrong=wrong, reason=reason)


# -- what is kept -----------------------------------------------------------------------------------------------------


def _key(library: Library, vocabulary: Vocabulary, name: str | None) -> str:
    """A hash of all that decides what the check would say."""
    digest = hashlib.sha256(f"{__version__}\n{_checker()}\n{name}\n".encode())
    for kind in sorted(vocabulary):
        digest.update(f"{vocabulary[kind]!r}\n".encode())
    for path in library.everything():
        text = library.text(path)
        fault = library.faults.get(path)
        digest.update(f"{path}\0{fault.message if fault else ''}\0".encode())
        digest.update(hashlib.sha256((text or "").encode()).digest())
    return digest.hexdigest()


def _checker() -> str:
    """What tells this checker from another: the times of its modules, so that a checkout under work is never stale."""
    import pratique.policy

    stamps = []
    for directory in (Path(pratique.policy.__path__[0]), Path(__file__).parent, resources.directory("grammar")):
        stamps += [(entry.name, entry.stat().st_mtime_ns) for entry in os.scandir(directory) if entry.is_file()]
    return repr(sorted(stamps))


def _place() -> Path:
    place = places.state() / "policy"
    place.mkdir(mode=0o700, exist_ok=True)
    return place / "in-force.json"


def _read_kept() -> _Kept | None:
    try:
        with no_collecting():
            return msgspec.json.decode(_place().read_bytes(), type=_Kept)
    except (OSError, msgspec.MsgspecError):  # none yet, or from a version with other records
        return None


def _keep(kept: _Kept) -> None:
    """Write atomically, for the owner only. A state directory that cannot be written costs time, nothing else."""
    try:
        place = _place()
        descriptor, name = tempfile.mkstemp(prefix=".in-force-", dir=place.parent)  # 0600
        with open(descriptor, "wb") as file:
            file.write(msgspec.json.encode(kept))
            file.flush()
            os.fsync(file.fileno())
        Path(name).replace(place)
    except OSError:
        return
