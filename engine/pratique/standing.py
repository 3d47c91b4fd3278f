"""Allowed, blocked or unknown: what the policy's lists, the person's marks and others' opinions say of a program.

A program is *unknown* when it shows any one of: no valid signature of a trusted signer; a place on neither list. So it
is *allowed* only when it is both signed by somebody the policy names and on the allow list (or marked clean by the
person); one blocking word from anybody makes it *blocked*. Signed is not clean: a signature alone allows nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final, Literal, NamedTuple

import msgspec
import re2

from pratique import resources
from pratique.decisions import Mark
from pratique.hookspecs import Opinion
from pratique.policies.hashes import hash_list
from pratique.policy.model import HashList, Regex, Trust
from pratique.subject import Subject

#: The second reason for `unknown`, where nothing allows the program.
ON_NEITHER: Final = "on neither the allow list nor the block list"


class Word(NamedTuple):
    """One voice for or against a program."""

    standing: Literal["allowed", "blocked"]
    because: str


def judged(
    subject: Subject,
    trust: Trust,
    *,
    marks: Iterable[Mark] = (),
    opinions: Sequence[Opinion] = (),
    parts: Sequence[str] = (),
) -> Subject:
    """The subject with `known` and `reasons` filled in.

    `parts` are the hashes of the local files a command names: a blocked part blocks the command, an allowed one does
    not allow it. Raises `PolicyError` for a hash list that is missing or holds something else.
    """
    words = [*_by_lists(subject, trust, parts), *_by_source(subject, trust), *_by_marks(subject, marks)]
    words += [Word(o.standing, f"{o.standing} by {o.by}" + (f": {o.because}" if o.because else ""))
              for o in opinions if o.standing is not None]  # fmt: skip
    weighing = tuple(_weighing(one) for one in opinions if one.weight)
    blocking = tuple(word.because for word in words if word.standing == "blocked")
    if blocking:
        return msgspec.structs.replace(subject, known="blocked", reasons=(*blocking, *weighing))
    allowing = tuple(word.because for word in words if word.standing == "allowed")
    signed, signature = _signature(subject)
    if signed and allowing:
        return msgspec.structs.replace(subject, known="allowed", reasons=(*allowing, signature, *weighing))
    reasons = (*allowing, signature) if allowing else (signature, ON_NEITHER)
    return msgspec.structs.replace(subject, known="unknown", reasons=(*reasons, *weighing))


def _weighing(opinion: Opinion) -> str:
    """A weight somebody gives a program: the language has no rule that adds it, so it is only told."""
    because = f": {opinion.because}" if opinion.because else ""
    return f"{opinion.by} gives it a weight of {opinion.weight:g}, which is not added{because}"


def _signature(subject: Subject) -> tuple[bool, str]:
    signer = subject.signer
    if signer is None:
        return False, "not signed"
    if not signer.valid:
        return False, subject.facts.get("signature") or "its signature is not valid"
    if not signer.trusted:
        return False, f"signed by {signer.name or signer.key}, whom the policy does not name"
    return True, f"signed by {signer.name}"


def _by_lists(subject: Subject, trust: Trust, parts: Sequence[str]) -> Iterable[Word]:
    wanted = {subject.sha256, *parts} - {""}
    for listing in trust.hashes:
        where, found = _found_in(listing, wanted)
        if found is None:
            continue
        own = found == subject.sha256
        if listing.verdict == "block":
            yield Word(
                "blocked", f"{'' if own else f'a file it installs ({found[:12]}…) is '}on the block list ({where})"
            )
        elif own:
            yield Word("allowed", f"on the allow list ({where})")


def _found_in(listing: HashList, wanted: set[str]) -> tuple[str, str | None]:
    for sha256 in listing.sha256:
        if sha256.lower() in wanted:
            return str(listing.where), sha256.lower()
    if listing.file is None:
        return "", None
    path = resources.beside(listing.where.file, listing.file)
    for number, sha256 in hash_list(path, said=str(listing.where)):
        if sha256 in wanted:
            return f"{path.name}:{number}", sha256
    return "", None


def _by_source(subject: Subject, trust: Trust) -> Iterable[Word]:
    if subject.origin is None:
        return
    for rule in trust.sources:
        if any(_matches(regex, subject.origin) for regex in rule.matching):
            standing: Literal["allowed", "blocked"] = "blocked" if rule.verdict == "block" else "allowed"
            yield Word(standing, f"its source {subject.origin} is on the {rule.verdict} list ({rule.where})")


def _matches(regex: Regex, text: str) -> bool:
    flags = f"(?{regex.flags})" if regex.flags else ""
    return re2.search(flags + regex.pattern, text) is not None


def _by_marks(subject: Subject, marks: Iterable[Mark]) -> Iterable[Word]:
    for mark in marks:
        note = f": {mark.note}" if mark.note else ""
        if mark.standing == "undesirable":
            own = "" if mark.sha256 == subject.sha256 else f"a file it installs ({mark.sha256[:12]}…) is "
            yield Word("blocked", f"{own}marked undesirable by hand{note}")
        elif mark.sha256 == subject.sha256:
            yield Word("allowed", f"marked clean by hand{note}")
