"""What does not reach the host when some of what a program did is refused, and what cannot be told apart.

A package goes with its files, an account with its home and its lines in the files all accounts share. Of such a shared
file the refused pieces go and the rest stays. Something that stays may be of no use without what is refused; then the
refusal is not possible, and why is said before anybody is asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import TypeVar

import msgspec

from pratique.recording import Effect

_By = TypeVar("_By")


class Separated(msgspec.Struct, frozen=True):
    """`effects` are left out. Of the files in `pieces` (ids of their effects) only these pieces of the change are."""

    effects: frozenset[int]
    pieces: Mapping[int, frozenset[int]]


def separate(asked: Mapping[_By, frozenset[int]], effects: Mapping[int, Effect]) -> tuple[Separated, dict[_By, str]]:
    """Leave out what was asked for, each request under a key of the caller's; requests that cannot be met, and why."""
    impossible: dict[_By, str] = {}
    while True:
        live = {by: ids for by, ids in asked.items() if by not in impossible}
        dropped = frozenset().union(*live.values()) if live else frozenset()
        staying = [effect for effect in effects.values() if effect.id not in dropped and effect.type != "file"]
        found = {by: reason for by, ids in live.items() if (reason := _hindrance(ids, staying, effects))}
        if not found:
            return _left_out(dropped, staying, effects), impossible
        impossible |= found


def in_words(effect: Effect) -> str:
    """What to call it in a sentence."""
    name = effect.details.get("package") if effect.type == "package" else effect.details.get("name")
    return f"the {effect.type} {name}" if name and effect.type != "file" else effect.path


def _hindrance(ids: Collection[int], staying: Iterable[Effect], effects: Mapping[int, Effect]) -> str:
    """Why these cannot go while those stay; "" when they can."""
    # Files that go whole, and files of which a part goes.
    whole = set(ids) | {share.file for i in ids for share in effects[i].shares if not share.pieces}
    some = {share.file for i in ids for share in effects[i].shares}
    for effect in staying:
        for need in effect.needs:
            if need in ids:
                return f"{in_words(effect)} stays and needs {in_words(effects[need])}"
        if effect.type == "lines":
            continue
        for share in effect.shares:
            if share.file in whole or (not share.pieces and share.file in some):
                return f"{effects[share.file].path} also holds {in_words(effect)}, which stays"
    return ""


def _left_out(dropped: frozenset[int], staying: Iterable[Effect], effects: Mapping[int, Effect]) -> Separated:
    # What a package or an account that stays has, too, stays: the directory two packages install into.
    wanted = {part for effect in staying if effect.type in ("package", "account") for part in effect.parts}
    whole = set(dropped)
    for i in dropped:
        whole.update(part for part in effects[i].parts if part not in wanted)
    pieces: dict[int, set[int]] = {}
    for i in dropped:
        for share in effects[i].shares:
            if not share.pieces:
                whole.add(share.file)
            pieces.setdefault(share.file, set()).update(share.pieces)
    for file, refused in list(pieces.items()):
        if len(refused) >= effects[file].pieces:
            whole.add(file)
        if file in whole:
            del pieces[file]
    whole |= _emptied(whole, effects)
    # What consists of nothing but what is left out is left out: the memberships of an account that goes.
    whole |= {effect.id for effect in staying if _is_gone(effect, whole, pieces)}
    return Separated(frozenset(whole), {file: frozenset(refused) for file, refused in pieces.items()})


def _is_gone(effect: Effect, whole: Collection[int], pieces: Mapping[int, Collection[int]]) -> bool:
    return (
        bool(effect.parts or effect.shares)
        and all(part in whole for part in effect.parts)
        and all(
            share.file in whole or (bool(share.pieces) and set(share.pieces) <= set(pieces.get(share.file, ())))
            for share in effect.shares
        )
    )


def _emptied(whole: Collection[int], effects: Mapping[int, Effect]) -> set[int]:
    """New directories of which nothing is left."""
    new = {
        effect.path: effect.id
        for effect in effects.values()
        if effect.type == "file" and effect.op == "add" and effect.id not in whole and _is_directory(effect)
    }
    lost: set[str] = set()
    needed: set[str] = set()
    for effect in effects.values():
        if effect.type == "file" and (effect.id in whole or effect.path not in new):
            (lost if effect.id in whole or effect.unfit else needed).update(_above(effect.path, new))
    out = set()
    for path in sorted(new, key=len, reverse=True):
        if path in lost and path not in needed:
            out.add(new[path])
        else:
            needed.update(_above(path, new))
    return out


def _above(path: str, known: Collection[str]) -> Iterator[str]:
    """The new directories a path lies in, nearest first: above one that is not new there is none."""
    above = path.rpartition("/")[0]
    while above in known:
        yield above
        above = above.rpartition("/")[0]


def _is_directory(effect: Effect) -> bool:
    return effect.after is not None and effect.after.type == "directory"
