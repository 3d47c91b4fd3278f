"""Allowed, blocked or unknown: a signature and a place on the allow list together; one blocking word is enough."""

from __future__ import annotations

from pathlib import Path

import pytest

from pratique.decisions import Mark
from pratique.errors import PolicyError
from pratique.hookspecs import Opinion
from pratique.policies.hashes import hash_list
from pratique.policy.model import HashList, Location, Regex, SourceRule, Trust
from pratique.standing import judged
from pratique.subject import Signer, Subject

HASH = "ab" * 32
OTHER = "cd" * 32
SIGNED = Signer(name="Tame", key="F" * 40, valid=True, trusted=True)


def subject(signer: Signer | None = None, **more: object) -> Subject:
    return Subject(path="/x/setup", sha256=HASH, kind="script", signer=signer, **more)  # type: ignore[arg-type]


def allowing(*hashes: str) -> Trust:
    return Trust(hashes=(HashList(verdict="allow", sha256=hashes, where=Location("own.policy", 3)),))


def blocking(*hashes: str) -> Trust:
    return Trust(hashes=(HashList(verdict="block", sha256=hashes, where=Location("own.policy", 4)),))


def test_a_program_nobody_vouches_for_is_unknown() -> None:
    seen = judged(subject(), Trust())
    assert seen.known == "unknown"
    assert seen.reasons == ("not signed", "on neither the allow list nor the block list")


def test_signed_is_not_clean() -> None:
    seen = judged(subject(SIGNED), Trust())
    assert seen.known == "unknown"
    assert seen.reasons == ("signed by Tame", "on neither the allow list nor the block list")


def test_listed_but_unsigned_is_unknown() -> None:
    seen = judged(subject(), allowing(HASH))
    assert seen.known == "unknown"
    assert seen.reasons == ("on the allow list (own.policy:3)", "not signed")


@pytest.mark.parametrize(
    "signer",
    [
        Signer(name="Tame", key="F", valid=False, trusted=True),
        Signer(name="Stranger", key="F", valid=True, trusted=False),
    ],
)
def test_a_signature_that_is_invalid_or_a_strangers_allows_nothing(signer: Signer) -> None:
    assert judged(subject(signer), allowing(HASH)).known == "unknown"


def test_signed_and_listed_is_allowed() -> None:
    seen = judged(subject(SIGNED), allowing(OTHER, HASH))
    assert seen.known == "allowed"
    assert seen.reasons == ("on the allow list (own.policy:3)", "signed by Tame")


def test_one_blocking_word_wins_over_everything() -> None:
    trust = Trust(hashes=(*allowing(HASH).hashes, *blocking(HASH).hashes))
    seen = judged(subject(SIGNED), trust)
    assert seen.known == "blocked"
    assert seen.reasons == ("on the block list (own.policy:4)",)


def test_letters_of_a_hash_may_be_of_either_case() -> None:
    assert judged(subject(), blocking(HASH.upper())).known == "blocked"


def test_lists_in_files_are_found_beside_the_policy(tmp_path: Path) -> None:
    (tmp_path / "block.txt").write_text(f"# known bad\n\n{OTHER}  other.exe\r\n  {HASH.upper()}\n")
    trust = Trust(
        hashes=(HashList(verdict="block", file="block.txt", where=Location(str(tmp_path / "own.policy"), 1)),)
    )
    seen = judged(subject(), trust)
    assert (seen.known, seen.reasons) == ("blocked", ("on the block list (block.txt:4)",))


@pytest.mark.parametrize("line", ["abcd", HASH + "00", "toolbar.exe", f"sha256:{HASH}"])
def test_a_line_that_is_no_hash_is_named(line: str, tmp_path: Path) -> None:
    (tmp_path / "list").write_text(f"# fine\n{line}\n")
    with pytest.raises(PolicyError, match=r"list:2: expected a SHA-256"):
        list(hash_list(tmp_path / "list"))


def test_a_list_that_is_missing_is_an_error_of_the_policy(tmp_path: Path) -> None:
    trust = Trust(hashes=(HashList(verdict="block", file="gone.txt", where=Location(str(tmp_path / "own.policy"), 7)),))
    with pytest.raises(PolicyError, match=r"own\.policy:7: the list .*gone\.txt cannot be read"):
        judged(subject(), trust)


def test_the_source_can_block() -> None:
    rule = SourceRule(verdict="block", matching=(Regex(r"download-free\.", "i"),), where=Location("own.policy", 5))
    trust = Trust(sources=(rule,))
    assert judged(subject(origin="https://Download-Free.example/setup"), trust).known == "blocked"
    assert judged(subject(origin="https://vendor.example/setup"), trust).known == "unknown"
    assert judged(subject(), trust).known == "unknown"


def test_an_allowed_source_still_needs_a_signature() -> None:
    trust = Trust(sources=(SourceRule(verdict="allow", matching=(Regex("vendor"),)),))
    assert judged(subject(origin="https://vendor.example/"), trust).known == "unknown"
    assert judged(subject(SIGNED, origin="https://vendor.example/"), trust).known == "allowed"


def test_opinions_count_and_are_named() -> None:
    bad = Opinion(by="the fleet", standing="blocked", because="refused by most")
    assert judged(subject(), Trust(), opinions=[bad]).reasons == ("blocked by the fleet: refused by most",)
    good = Opinion(by="the vendor", standing="allowed")
    assert judged(subject(SIGNED), Trust(), opinions=[good]).known == "allowed"
    assert judged(subject(SIGNED), Trust(), opinions=[Opinion(by="x", weight=10)]).known == "unknown"


def test_the_persons_own_marks_count() -> None:
    bad = Mark(id="1", sha256=HASH, standing="undesirable", made=0, note="a toolbar")
    assert judged(subject(SIGNED), allowing(HASH), marks=[bad]).reasons == ("marked undesirable by hand: a toolbar",)
    clean = Mark(id="1", sha256=HASH, standing="clean", made=0)
    assert judged(subject(SIGNED), Trust(), marks=[clean]).known == "allowed"


def test_a_file_that_a_command_installs_can_block_but_not_allow() -> None:
    assert judged(subject(), blocking(OTHER), parts=[OTHER]).known == "blocked"
    assert judged(subject(SIGNED), allowing(OTHER), parts=[OTHER]).known == "unknown"
    clean = Mark(id="1", sha256=OTHER, standing="clean", made=0)
    assert judged(subject(SIGNED), Trust(), parts=[OTHER], marks=[clean]).known == "unknown"
