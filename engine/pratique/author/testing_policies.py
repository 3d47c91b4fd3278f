"""Run what a policy says of itself: the examples of its actions, and its `test` blocks.

In what is written out, a `~` that begins a value is the home of a made-up person. An example is judged by its own
action alone, so that it says what this action is about, whatever others find in the same event; its events come a
second apart, by one process. A `test` is judged by the whole policy.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, Literal

import msgspec

from pratique import judging
from pratique import recording as recordings
from pratique.events import Event, Field, FieldValue, Vocabulary
from pratique.policy.compile import CompiledPolicy, compile_policy
from pratique.policy.evaluate import Circumstances, fields_of_event
from pratique.policy.explain import failed, why
from pratique.policy.model import Action, Example, ExampleEvent, Expectation, Location, Policy, Single, Test
from pratique.policy.paths import expand_home
from pratique.policy.score import Finding, Verdict, exact, shown

#: The made-up person's home, where nothing lies on any machine.
HOME: Final = "/home/example"


class Result(msgspec.Struct, frozen=True, kw_only=True):
    """One example or test, and whether it holds; `problems` say what was expected and what was found."""

    policy: str
    name: str
    kind: Literal["match", "no match", "test"]
    where: Location
    passed: bool
    problems: tuple[str, ...] = ()


def run(policy: Policy, vocabulary: Vocabulary) -> Iterator[Result]:
    """Every example and test that was written for this policy, in the order of the policy."""
    for action in policy.actions:
        if action.policy in ("", policy.name):
            yield from _examples(policy, action, vocabulary)
    yield from run_tests(policy, vocabulary)


def _examples(policy: Policy, action: Action, vocabulary: Vocabulary) -> Iterator[Result]:
    alone = compile_policy(msgspec.structs.replace(policy, actions=(action,), disclosures=()), home=HOME)
    for example in action.examples:
        events = _events(example.events, vocabulary)
        around = Circumstances(programs=_programs(example.events))
        matched = bool(alone.findings(events, programs=around.programs))
        yield Result(
            policy=policy.name,
            name=action.name,
            kind="match" if example.expect_match else "no match",
            where=example.where,
            passed=matched == example.expect_match,
            problems=() if matched == example.expect_match else tuple(_why_not(alone, action, example, events, around)),
        )


def _events(written: Iterable[ExampleEvent], vocabulary: Vocabulary) -> list[Event]:
    return [_event(one, seq, vocabulary) for seq, one in enumerate(written, 1)]


def _event(written: ExampleEvent, seq: int, vocabulary: Vocabulary) -> Event:
    """The event, with its paths at home; the fields every event has are put where they belong."""
    kind = vocabulary.get(written.kind)
    types: Mapping[str, Field] = kind.fields if kind else {}
    fields: dict[str, FieldValue] = {
        name: expand_home(value, HOME) if isinstance(value, str) and types.get(name) is Field.path else value
        for name, value in written.fields.items()
    }
    component, observer = fields.pop("component", ""), fields.pop("observer", "")
    fields.pop("program", None)
    event = Event(written.kind, seq=seq, time=float(seq), component=str(component), observer=str(observer))
    event.fields = fields
    program = written.fields.get("program")
    event.process = 0 if program is None else seq
    return event


def _programs(written: Iterable[ExampleEvent]) -> dict[int, str]:
    return {
        seq: expand_home(str(one.fields["program"]), HOME)
        for seq, one in enumerate(written, 1)
        if "program" in one.fields
    }


def _why_not(
    alone: CompiledPolicy, action: Action, example: Example, events: list[Event], around: Circumstances
) -> Iterator[str]:
    """In words, why an example turned out otherwise."""
    if not example.expect_match:
        yield f"expected that {action.name} is not found; it was"
        return
    yield f"expected that {action.name} is found; it was not"
    for trigger in action.triggers:
        if not isinstance(trigger, Single):
            continue
        for event in events:
            if event.kind in trigger.step.kinds:
                reason = why(trigger.step.where, fields_of_event(event, around), alone.home)
                yield from (f"{part.text}: no{', ' if part.found else ''}{part.found}" for part in failed(reason))


# -- test blocks ------------------------------------------------------------------------------------------------------


def run_tests(policy: Policy, vocabulary: Vocabulary) -> Iterator[Result]:
    """The `test` blocks."""
    compiled: dict[str, CompiledPolicy] = {}

    def compiled_for(home: str) -> CompiledPolicy:
        if home not in compiled:
            compiled[home] = compile_policy(policy, home=home)
        return compiled[home]

    for test in policy.tests:
        problems = tuple(_problems(test, compiled_for, vocabulary))
        yield Result(
            policy=policy.name,
            name=test.title,
            kind="test",
            where=test.where,
            passed=not problems,
            problems=problems,
        )


def _problems(test: Test, compiled_for: Callable[[str], CompiledPolicy], vocabulary: Vocabulary) -> Iterator[str]:
    if test.recording is not None:
        try:
            kept = recordings.read(Path(test.recording))
        except recordings.RecordingError as error:
            yield str(error)
            return
        except OSError as error:
            yield f"the recording {test.recording} cannot be read: {error.strerror}"
            return
        verdict = judging.judge(compiled_for(kept.home), kept)
    else:
        events = _events(test.events, vocabulary)
        names = tuple(dict.fromkeys(event.component for event in events)) or ("",)
        verdict = compiled_for(HOME).verdict(events, components=names, programs=_programs(test.events))
    for expectation in test.expect:
        yield from unmet(expectation, verdict)


def unmet(expectation: Expectation, verdict: Verdict) -> Iterator[str]:
    """What of the expectation the verdict does not hold, in words."""
    found: tuple[Finding, ...] = verdict.findings
    total, outcome, of = verdict.total, verdict.verdict, ""
    if expectation.component:
        part = next((part for part in verdict.components if part.name == expectation.component), None)
        if part is None:
            known = ", ".join(part.name for part in verdict.components if part.name) or "none with a name"
            yield f'expected a component "{expectation.component}"; the components are: {known}'
            return
        found, total, outcome, of = part.findings, part.total, part.verdict, f' of "{part.name}"'
    if expectation.verdict is not None and outcome != expectation.verdict:
        yield f"expected the verdict{of} {expectation.verdict}, found {outcome} (total {_plain(total)})"
    if expectation.total is not None and shown(exact(expectation.total)) != shown(total):
        yield f"expected the total{of} {_plain(expectation.total)}, found {_plain(total)}: {_sum(found)}"
    for name, disclosed in expectation.actions:
        yield from _action_unmet(name, disclosed, found, of)
    for name in expectation.absent:
        if any(finding.action == name for finding in found):
            yield f"expected no action {name}{of}; it was found"


def _action_unmet(name: str, disclosed: bool | None, found: Iterable[Finding], of: str) -> Iterator[str]:
    own = [finding for finding in found if finding.action == name]
    if not own:
        yield f"expected the action {name}{of}; found: {_sum(found)}"
    elif disclosed is not None and all(finding.disclosed != disclosed for finding in own):
        said = {True: "disclosed", False: "undisclosed"}
        yield f"expected the action {name}{of} {said[disclosed]}; it was {said[not disclosed]}"


def _plain(total: float) -> str:
    return shown(total).removesuffix(".0")


def _sum(found: Iterable[Finding]) -> str:
    """`a 100, b 10 x 3`"""
    parts = (
        f"{finding.action} {_plain(finding.weight)}{f' x {finding.count}' if finding.count > 1 else ''}"
        for finding in found
    )
    return ", ".join(parts) or "nothing"
