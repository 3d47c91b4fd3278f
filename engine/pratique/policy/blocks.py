"""The blocks about people and programs: disclosure, untick, trust, reputation, signatures, decide and tests."""

from __future__ import annotations

import re
from typing import Final

from pratique.policy import model, syntax
from pratique.policy.actions import events
from pratique.policy.compose import Composed, Placed
from pratique.policy.diagnostics import Note
from pratique.policy.scope import Scope
from pratique.policy.sound import regexes

CONTROLS: Final = ("checkbox", "radio", "list-item", "tree-item", "button", "text")
STATES: Final = ("ticked", "left ticked", "shown", "pressed")
ANSWERS: Final = ("yes", "no", "anything")
VERDICTS: Final = ("clean", "undesirable")

_SHA256: Final = re.compile(r"[0-9A-Fa-f]{64}")


# -- what the person is told ------------------------------------------------------------------------------------------


def disclosure(placed: Placed) -> model.Disclosure:
    node, scope, _ = placed
    assert isinstance(node, syntax.Disclosure)
    covers: dict[str, None] = {}
    by: list[model.ByControl | model.ByPrompt] = []
    for one in node.statements:
        match one:
            case syntax.Covers(actions=names):
                covers |= dict.fromkeys(name for one in names if (name := scope.action(one)) is not None)
            case syntax.ByControl():
                by.append(_by_control(scope, one))
            case syntax.ByPrompt(asking=asking, answered=answered):
                answer = scope.choice(answered, ANSWERS, "an answer")
                by.append(model.ByPrompt(regexes(scope, asking), answer))  # type: ignore[arg-type]
    kinds = {type(one) for one in node.statements}
    if not scope.damaged and not (syntax.Covers in kinds and kinds & {syntax.ByControl, syntax.ByPrompt}):
        lacking = "what the person is told about (covers ...)" if by else "how the person is told (by ...)"
        scope.report("P0310", node.name, f'the disclosure "{node.name.value}" does not say {lacking}')
    return model.Disclosure(name=node.name.value, covers=tuple(covers), by=tuple(by), where=placed.where)


def _by_control(scope: Scope, node: syntax.ByControl) -> model.ByControl:
    state = node.state
    if node.state_of is not None:
        state = syntax.Name(state.at, f"{state.value} {node.state_of.value}")
    return model.ByControl(
        scope.choices(node.controls, CONTROLS, "a control"),  # type: ignore[arg-type]
        regexes(scope, node.labelled),
        scope.choice(state, STATES, "a state of a control"),  # type: ignore[arg-type]
    )


def untick(composed: Composed) -> model.Untick:
    controls, presses = [], []
    for node, scope, _ in composed.listed(syntax.UntickControl):
        assert isinstance(node, syntax.UntickControl)
        kinds = scope.choices(node.controls, CONTROLS, "a control")
        controls.append(model.UntickControl(controls=kinds, labelled=regexes(scope, node.labelled)))  # type: ignore[arg-type]
    for node, scope, _ in composed.listed(syntax.Press):
        assert isinstance(node, syntax.Press)
        buttons = scope.texts(node.buttons, "button texts")
        presses.append(model.UntickPress(buttons=buttons, windows=regexes(scope, node.windows)))
    decline = [r for node, s, _ in composed.listed(syntax.Decline) for r in regexes(s, node.asking)]  # type: ignore[attr-defined]
    never = [r for node, s, _ in composed.listed(syntax.NeverLabelled) for r in regexes(s, node.labelled)]  # type: ignore[attr-defined]
    return model.Untick(
        controls=tuple(controls),
        decline=tuple(dict.fromkeys(decline)),
        press=tuple(presses),
        never=tuple(dict.fromkeys(never)),
    )


# -- trust, reputation, signatures ------------------------------------------------------------------------------------


def trust(composed: Composed) -> model.Trust:
    signers, hashes, sources = [], [], []
    for placed in composed.listed(syntax.TrustedSigner):
        node = placed.node
        assert isinstance(node, syntax.TrustedSigner)
        signers.append(model.TrustedSigner(name=node.name.value, key=node.key.value, where=placed.where))
    for placed in composed.listed(syntax.HashesFrom):
        node = placed.node
        assert isinstance(node, syntax.HashesFrom)
        hashes.append(model.HashList(verdict=node.standing.value, file=node.file.value, where=placed.where))  # type: ignore[arg-type]
    for placed in composed.listed(syntax.Hashes):
        node, scope, _ = placed
        assert isinstance(node, syntax.Hashes)
        texts = scope.texts(node.sha256, "SHA-256 sums")
        for text in texts:
            if not _SHA256.fullmatch(text):
                message = f'"{text[:80]}" is not a SHA-256 sum: it has 64 digits from 0 to f'
                scope.report("P0208", node.sha256[0], message)
        sums = tuple(text.lower() for text in texts)
        hashes.append(model.HashList(verdict=node.standing.value, sha256=sums, where=placed.where))  # type: ignore[arg-type]
    for placed in composed.listed(syntax.Source):
        node, scope, _ = placed
        assert isinstance(node, syntax.Source)
        rule = model.SourceRule(
            verdict=node.standing.value,  # type: ignore[arg-type]
            matching=regexes(scope, node.matching),
            where=placed.where,
        )
        sources.append(rule)
    return model.Trust(signers=tuple(signers), hashes=tuple(hashes), sources=tuple(sources))


def reputation(composed: Composed) -> model.Reputation:
    rules = []
    for kind in (syntax.Unsigned, syntax.Vendor, syntax.SignedBy, syntax.Seen, syntax.Refused):
        for placed in composed.listed(kind):
            node, scope, _ = placed
            name, bound = "", 0.0
            match node:
                case syntax.Unsigned(weight=weight):
                    what = "unsigned"
                case syntax.Vendor(name=text, weight=weight):
                    what, name = "vendor", text.value
                case syntax.SignedBy(name=text, weight=weight):
                    what, name = "signer", text.value
                case syntax.Seen(fewer_than=number, weight=weight):
                    what, bound = "seen", float(scope.count(number, "a number of endpoints", most=10**9))
                case syntax.Refused(more_than=share, weight=weight):
                    what, bound = "refused", scope.share(share)
                case _:
                    raise AssertionError(node)
            weighs = scope.number(weight, "a weight", most=1e6)
            rules.append(
                model.ReputationRule(what=what, weight=weighs, name=name, bound=bound, where=placed.where)  # type: ignore[arg-type]
            )
    answer = composed.setting("reputation", "answer within")
    if answer is None:
        return model.Reputation(rules=tuple(rules))
    assert isinstance(answer.node, syntax.Answer)
    within = answer.scope.number(answer.node.within, "the time to answer in", 0.001, 60)
    return model.Reputation(rules=tuple(rules), answer_within=within)


def signatures(placed: Placed) -> model.Signatures:
    node, scope, _ = placed
    assert isinstance(node, syntax.Signatures)
    out: dict[str, object] = {}
    cures: list[tuple[str, str]] = []
    seen: dict[type[syntax.Node], syntax.Node] = {}
    for one in node.statements:
        kind = syntax.SignatureWeight if isinstance(one, syntax.WeightFromMeta) else type(one)
        first = seen.setdefault(kind, one)
        if first is not one and kind is not syntax.CureWhen:
            scope.report("P0304", one, "this is set twice", related=(Note(scope.place(first), "first set here"),))
        match one:
            case syntax.SignatureWeight(weight=weight):
                out["weight"] = scope.number(weight, "a weight", most=1e6)
            case syntax.WeightFromMeta(key=key, otherwise=otherwise):
                out["weight_from_meta"] = key.value
                if otherwise is not None:
                    out["weight"] = scope.number(otherwise, "a weight", most=1e6)
            case syntax.Remedy(name=name):
                out["remedy"] = scope.choice(name, model.REMEDIES, "a remedy")
            case syntax.CureWhen(key=key, equals=value):
                cures.append((key.value, value.value))
    return model.Signatures(
        engine=node.engine.value,
        files=scope.texts(node.files, "files"),
        cure_when=tuple(cures),
        where=placed.where,
        **out,  # type: ignore[arg-type]
    )


# -- deciding ---------------------------------------------------------------------------------------------------------


def decide(composed: Composed) -> model.Decide:
    out: dict[str, object] = {}
    when = composed.setting("decide", "undesirable")
    if when is not None:
        assert isinstance(when.node, syntax.UndesirableWhen)
        out["undesirable"] = _criterion(when.scope, when.node.criterion)
    remember = composed.setting("decide", "remember")
    if remember is not None:
        node, scope, _ = remember
        assert isinstance(node, syntax.Remember)
        if isinstance(node.duration, syntax.Name):
            scope.choice(node.duration, ("ever",), "a time")
            out["remember_for"] = None
        else:
            out["remember_for"] = scope.seconds(node.duration)
        out["remember_by"] = scope.choices(node.by, ("sha256", "signer", "name"), "something to remember a program by")
    return model.Decide(**out)  # type: ignore[arg-type]


def _criterion(scope: Scope, node: syntax.Criterion) -> model.Criterion:
    match node:
        case syntax.Total(bound=bound, value=syntax.Name() as word):
            scope.choice(word, ("threshold",), "a number")
            return model.Total(op=bound.value)  # type: ignore[arg-type]
        case syntax.Total(bound=bound, value=syntax.Quantity() as number):
            return model.Total(op=bound.value, value=scope.number(number, "a total", most=1e9))  # type: ignore[arg-type]
        case syntax.Found(action=action, state=state):
            return model.Found(scope.action(action) or action.value, told(scope, state))
        case syntax.NotCriterion(term=term):
            return model.NotSo(_criterion(scope, term))
        case syntax.AllCriteria(terms=terms):
            return model.AllOf(tuple(_criterion(scope, term) for term in terms))
        case syntax.AnyCriterion(terms=terms):
            return model.AnyOf(tuple(_criterion(scope, term) for term in terms))
    raise AssertionError(node)


def told(scope: Scope, state: syntax.Name | None) -> bool | None:
    """`disclosed` or `undisclosed` behind an action; None when it says neither."""
    if state is None:
        return None
    return scope.choice(state, ("disclosed", "undisclosed"), "a state of an action") == "disclosed"


# -- tests ------------------------------------------------------------------------------------------------------------


def test(placed: Placed) -> model.Test:
    node, scope, _ = placed
    assert isinstance(node, syntax.Test)
    recording: str | None = None
    given: list[model.ExampleEvent] = []
    expect: list[model.Expectation] = []
    for one in node.statements:
        match one:
            case syntax.GivenRecording(file=file):
                if recording is not None:
                    scope.report("P0304", one, "a test has one recording")
                recording = file.value
            case syntax.Given(events=written):
                given += events(scope, written)
            case syntax.Expect():
                expect.append(_expectation(scope, one))
    if not scope.damaged:
        if (recording is None) == (not given):
            message = "a test is given a recording, or events: one of the two"
            scope.report("P0310", node.title, message)
        if not expect:
            scope.report("P0310", node.title, "this test expects nothing, so it cannot fail")
    return model.Test(
        title=node.title.value, recording=recording, events=tuple(given), expect=tuple(expect), where=placed.where
    )


test.__test__ = False  # type: ignore[attr-defined]  # not for pytest to collect


def _expectation(scope: Scope, node: syntax.Expect) -> model.Expectation:
    verdict: str | None = None
    total: float | None = None
    actions: list[tuple[str, bool | None]] = []
    absent: list[str] = []
    for one in node.outcomes:
        match one:
            case syntax.ExpectVerdict(verdict=word):
                verdict = scope.choice(word, VERDICTS, "a verdict")
            case syntax.ExpectTotal(number=number):
                total = scope.number(number, "a total", most=1e9)
            case syntax.ExpectAction(action=name, state=state):
                actions.append((scope.action(name) or name.value, told(scope, state)))
            case syntax.ExpectAbsent(action=name):
                if name.value not in scope.context.disabled:  # that it is not found any more may well be tested
                    scope.action(name)
                absent.append(name.value)
    return model.Expectation(
        component="" if node.component is None else node.component.value,
        verdict=verdict,  # type: ignore[arg-type]
        total=total,
        actions=tuple(actions),
        absent=tuple(absent),
        where=scope.place(node),
    )
