"""Decisions are remembered for what was agreed to, as long as they last; the file survives whatever happens to it."""

from __future__ import annotations

import json
import multiprocessing
import os
import time
from pathlib import Path

import pytest

from pratique.decisions import Agreed, Decisions, Remembered, StoreError, scope
from pratique.errors import CannotError, UsageError
from pratique.policy.model import Decide, Method
from pratique.policy.score import Finding, Verdict, judge
from pratique.subject import Signer, Subject

HASH, OTHER = "ab" * 32, "cd" * 32
NOW = 1_800_000_000.0
DAY = 86400.0
TRUSTED = Signer(name="Tame", key="F" * 40, valid=True, trusted=True)


@pytest.fixture
def store(state: Path) -> Decisions:
    return Decisions.open()


@pytest.fixture
def file(state: Path) -> Path:
    return state / "decisions.json"


def subject(sha256: str = HASH, name: str = "player", signer: Signer | None = None) -> Subject:
    return Subject(path=f"/x/{name}", command=(name,), sha256=sha256, kind="script", name=name, signer=signer)


def verdict(**actions: float) -> Verdict:
    """What was found: action names with `_` for `-`, and their weights."""
    findings = [
        Finding(action=name.replace("_", "-"), weight=weight, component="p") for name, weight in actions.items()
    ]
    return judge(findings, components=["p"], method=Method(), threshold=100.0, decide=Decide())


def disclosed(action: str, weight: float) -> Verdict:
    finding = Finding(action=action, weight=weight, disclosed=True, component="p")
    return judge([finding], components=["p"], method=Method(), threshold=100.0, decide=Decide())


def found(store: Decisions, of: Subject, now: float = NOW) -> Remembered:
    entry = store.lookup(of, now)
    assert entry is not None
    return entry


# -- by what


def test_what_a_decision_stands_for_is_said_with_the_name_of_who_signed() -> None:
    by = ("signer", "name")
    assert scope(subject(), by).in_words("") == "this file (abababababab…)"
    signed = scope(subject(signer=TRUSTED), by)
    assert signed.in_words(TRUSTED.name) == "everything called player signed by Tame"
    assert signed.in_words("") == f"everything called player signed by {'F' * 40}"


def test_a_decision_is_remembered_for_the_file(store: Decisions) -> None:
    store.remember(subject(), "refuse", verdict=verdict(home_page=100), now=NOW)
    assert found(store, subject(name="renamed")).choice == "refuse"
    assert store.lookup(subject(OTHER), NOW) is None


def test_for_a_trusted_maker_and_name_it_holds_for_the_next_version_too(store: Decisions) -> None:
    store.remember(subject(signer=TRUSTED), "install", verdict=verdict(), by=("signer", "name"), now=NOW)
    assert found(store, subject(OTHER, signer=TRUSTED)).choice == "install"
    assert store.lookup(subject(OTHER, name="toolbar", signer=TRUSTED), NOW) is None
    assert store.lookup(subject(OTHER), NOW) is None


@pytest.mark.parametrize(
    "signer",
    [
        None,
        Signer(name="Tame", key="F" * 40, valid=False, trusted=True),
        Signer(name="Tame", key="F" * 40, valid=True, trusted=False),
        Signer(name="Tame", valid=True, trusted=True),
    ],
)
def test_without_a_valid_signature_of_a_trusted_signer_it_holds_for_the_file_alone(
    signer: Signer | None, store: Decisions
) -> None:
    store.remember(subject(signer=signer), "install", verdict=verdict(), by=("signer", "name"), now=NOW)
    assert store.lookup(subject(OTHER, signer=signer), NOW) is None
    assert found(store, subject(signer=signer)).key.sha256 == HASH


def test_a_decision_for_the_maker_is_not_for_somebody_who_takes_the_name(store: Decisions) -> None:
    store.remember(subject(signer=TRUSTED), "install", verdict=verdict(), by=("signer",), now=NOW)
    impostor = Signer(name="Tame", key="E" * 40, valid=True, trusted=True)
    assert store.lookup(subject(OTHER, signer=impostor), NOW) is None


def test_the_decision_for_the_file_comes_before_the_one_for_its_maker(store: Decisions) -> None:
    store.remember(subject(signer=TRUSTED), "install", verdict=verdict(), by=("signer",), now=NOW)
    store.remember(subject(OTHER, signer=TRUSTED), "refuse", verdict=verdict(), now=NOW)
    assert found(store, subject(OTHER, signer=TRUSTED)).choice == "refuse"
    assert found(store, subject(signer=TRUSTED)).choice == "install"


def test_what_cannot_be_told_apart_cannot_be_remembered() -> None:
    with pytest.raises(UsageError):
        scope(subject(sha256=""), ("sha256",))


def test_a_later_decision_replaces_the_earlier(store: Decisions) -> None:
    store.remember(subject(), "refuse", verdict=verdict(), now=NOW)
    store.remember(subject(), "install", verdict=verdict(), now=NOW + 1)
    assert found(store, subject()).choice == "install"
    assert len(store.entries()) == 1


# -- for what


def test_an_install_speaks_only_for_what_the_person_was_shown(store: Decisions) -> None:
    store.remember(subject(), "install", verdict=verdict(home_page=100, icon=10), now=NOW)
    entry = found(store, subject())
    assert entry.answers(verdict(home_page=100, icon=10)) == "install"
    assert entry.answers(verdict(home_page=100)) == "install"
    assert entry.answers(verdict(home_page=100, autorun=1)) is None


def test_a_refusal_always_speaks(store: Decisions) -> None:
    store.remember(subject(), "refuse", verdict=verdict(home_page=100), now=NOW)
    assert found(store, subject()).answers(verdict(autorun=5)) == "refuse"


def test_what_was_clean_and_is_judged_undesirable_now_is_asked_about() -> None:
    was_clean = Agreed.on(verdict(icon=60))
    assert not was_clean.covers(Agreed.on(verdict(icon=160)))
    assert Agreed.on(verdict(icon=160)).covers(Agreed.on(verdict(icon=60)))


def test_agreeing_to_a_disclosed_action_is_not_agreeing_to_the_secret_one() -> None:
    secret, told = Agreed.on(verdict(icon=20)), Agreed.on(disclosed("icon", 20))
    assert secret.covers(told)
    assert not told.covers(secret)


def test_without_a_verdict_only_a_clean_program_is_agreed_to(store: Decisions) -> None:
    store.remember(subject(), "install", now=NOW)
    entry = found(store, subject())
    assert entry.answers(verdict()) == "install"
    assert entry.answers(verdict(icon=1)) is None


def test_what_was_decided_for_each_component_is_kept(store: Decisions) -> None:
    parts = {"player": "install", "toolbar": "refuse"}
    store.remember(subject(), "without", verdict=verdict(), components=parts, now=NOW)  # type: ignore[arg-type]
    assert found(store, subject()).components == parts


# -- for how long


def test_a_decision_ends_when_its_time_is_over(store: Decisions) -> None:
    store.remember(subject(), "install", verdict=verdict(), expires_in=180 * DAY, now=NOW)
    assert store.lookup(subject(), NOW + 179 * DAY) is not None
    assert store.lookup(subject(), NOW + 180 * DAY) is None


def test_one_without_an_expiry_holds_for_ever(store: Decisions) -> None:
    store.remember(subject(), "install", verdict=verdict(), expires_in=None, now=NOW)
    assert store.lookup(subject(), NOW + 100 * 365 * DAY) is not None


def test_a_clock_that_went_back_does_not_revive_an_install(store: Decisions) -> None:
    store.remember(subject(), "install", verdict=verdict(), expires_in=DAY, now=NOW)
    store.remember(subject(OTHER), "refuse", verdict=verdict(), expires_in=DAY, now=NOW)
    assert store.lookup(subject(), NOW - 60) is not None  # what a time server corrects
    assert store.lookup(subject(), NOW - 30 * DAY) is None
    assert found(store, subject(OTHER), NOW - 30 * DAY).choice == "refuse"


def test_expired_decisions_go_when_another_is_made(store: Decisions) -> None:
    store.remember(subject(), "install", verdict=verdict(), expires_in=DAY, now=NOW)
    store.remember(subject(OTHER), "install", verdict=verdict(), expires_in=DAY, now=NOW + 2 * DAY)
    assert [entry.sha256 for entry in (e.key for e in store.entries() if isinstance(e, Remembered))] == [OTHER]


# -- list, show, forget, mark


def test_entries_are_shown_and_forgotten_by_the_beginning_of_their_id(store: Decisions) -> None:
    entry = store.remember(subject(), "install", verdict=verdict(), now=NOW)
    mark = store.mark(HASH, "undesirable", note="rude", now=NOW + 1)
    assert store.entries() == (mark, entry)
    assert store.show(entry.id[:5]) == entry
    assert store.forget(entry.id) == entry
    assert store.entries() == (mark,)
    with pytest.raises(UsageError, match="no decision has the id"):
        store.forget(entry.id)
    assert store.forget_all() == 1
    assert store.entries() == ()


def test_an_id_that_could_be_several_is_asked_about(store: Decisions) -> None:
    for number in range(40):
        store.mark(f"{number:064x}", "clean", now=NOW)
    with pytest.raises(UsageError, match="begins more than one id"):
        store.show(
            next(iter({e.id[0] for e in store.entries() if sum(o.id[0] == e.id[0] for o in store.entries()) > 1}))
        )
    with pytest.raises(UsageError):
        store.show("")


def test_a_mark_replaces_the_earlier_one(store: Decisions) -> None:
    store.mark(HASH, "undesirable", now=NOW)
    store.mark(HASH, "clean", now=NOW)
    assert [mark.standing for mark in store.marks_of([HASH, OTHER])] == ["clean"]


# -- the file


def test_the_file_is_for_its_owner_alone(store: Decisions, file: Path) -> None:
    store.mark(HASH, "clean")
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["schema"] == "pratique.decisions/1"


def _mark_many(first: int, count: int) -> None:
    store = Decisions.open()
    for number in range(first, first + count):
        store.mark(f"{number:064x}", "undesirable")


def test_processes_at_the_same_time_lose_nothing(store: Decisions) -> None:
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_mark_many, args=(first, 25)) for first in (0, 100, 200, 300)]
    for worker in workers:
        worker.start()
    while any(worker.is_alive() for worker in workers):
        store.entries()  # a reader never sees half a file
    for worker in workers:
        worker.join()
    assert [worker.exitcode for worker in workers] == [0] * 4
    assert len(store.entries()) == 100


@pytest.mark.parametrize(
    "content", [b"", b"\0\0\0", b"{", b"[]", b"{}", b'{"schema": "other/9"}', b'{"marks": 7}', b"[" * 99999]
)
def test_a_damaged_file_is_said_once_and_kept_aside(content: bytes, store: Decisions, file: Path) -> None:
    file.write_bytes(content)
    file.chmod(0o600)
    with pytest.raises(StoreError, match="damaged") as caught:
        store.lookup(subject())
    assert "run the command again" in caught.value.hint
    (aside,) = file.parent.glob("decisions.json.damaged-*")
    assert aside.read_bytes() == content
    assert store.lookup(subject()) is None
    store.mark(HASH, "clean")
    assert len(store.entries()) == 1


@pytest.mark.parametrize("mode", [0o666, 0o620])
def test_a_file_that_others_may_write_is_not_believed(mode: int, store: Decisions, file: Path) -> None:
    store.mark(HASH, "clean")
    file.chmod(mode)
    with pytest.raises(CannotError, match="can be written by others"):
        store.marks_of([HASH])


def test_a_link_is_not_followed(store: Decisions, file: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("{}")
    file.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(CannotError, match="cannot be read"):
        store.entries()


def test_nothing_is_lost_when_it_cannot_be_written(store: Decisions, file: Path) -> None:
    store.mark(HASH, "clean")
    before = file.read_bytes()
    (file.parent / f".decisions.json.{os.getpid()}").mkdir()  # in the way of what would be written
    with pytest.raises(CannotError, match="nothing was changed"):
        store.mark(OTHER, "clean")
    assert file.read_bytes() == before


@pytest.mark.alone
def test_a_thousand_decisions_are_looked_through_in_no_time(store: Decisions, file: Path) -> None:
    entry = store.remember(subject(), "install", verdict=verdict(icon=10), now=NOW)
    book = json.loads(file.read_text())
    plain = book["remembered"][0]
    book["remembered"] = [{**plain, "id": f"{n:08x}", "key": {"sha256": f"{n:064x}"}} for n in range(1000)] + [plain]
    file.write_text(json.dumps(book))
    started = time.process_time()
    assert store.lookup(subject(), NOW) == entry
    assert time.process_time() - started < 0.2
