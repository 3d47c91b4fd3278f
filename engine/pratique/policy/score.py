"""From findings to a verdict: the section *Meaning* of docs/language.md, as arithmetic.

Weights are added as exact fractions, so that no order of adding can change which side of the threshold a total falls
on; only what is shown is rounded (one decimal, halves to even).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from decimal import ROUND_HALF_EVEN, Decimal
from fractions import Fraction
from typing import Literal

import msgspec

from pratique.policy.model import (
    LEAVES_OUT,
    NOWHERE,
    AllOf,
    AnyOf,
    Criterion,
    Decide,
    Found,
    Location,
    Method,
    NotSo,
    Total,
)


class Finding(msgspec.Struct, frozen=True, kw_only=True):
    """One undesirable action seen in one component.

    `weight` is the one that counts (the disclosed one when `disclosed`), for each of `count` times. `evidence` holds
    the `seq` of the events, also beyond `count`: the first thousand, and all that tell of a lasting change;
    `evidence_count` is how many there are.
    """

    action: str
    title: str = ""
    category: str = ""
    weight: float
    disclosed: bool = False
    count: int = 1
    component: str = ""
    remedy: str = "none"
    because: tuple[str, ...] = ()
    evidence: tuple[int, ...] = ()
    evidence_count: int = 0  # 0: all are in `evidence`
    where: Location = NOWHERE


VerdictClass = Literal["clean", "undesirable"]


class ComponentVerdict(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    total: float
    verdict: VerdictClass
    findings: tuple[Finding, ...] = ()


class Verdict(msgspec.Struct, frozen=True, kw_only=True):
    """The whole and each component, by one method and one threshold."""

    verdict: VerdictClass
    total: float
    threshold: float
    method: Method
    findings: tuple[Finding, ...] = ()
    components: tuple[ComponentVerdict, ...] = ()

    @property
    def undesirable(self) -> bool:
        return self.verdict == "undesirable"


def exact(number: float) -> Fraction:
    """The number as it was written: 0.1 is one tenth, not the nearest binary fraction."""
    return Fraction(repr(number))


def shown(total: float | Fraction) -> str:
    """A total for people: one decimal, halves to even.

    >>> shown(39.9609375), shown(0.25), shown(0.35)
    ('40.0', '0.2', '0.4')
    """
    exactly = total if isinstance(total, Fraction) else exact(total)
    decimal = Decimal(exactly.numerator) / Decimal(exactly.denominator)
    return str(decimal.quantize(Decimal("0.1"), rounding=ROUND_HALF_EVEN))


def total_of(findings: Iterable[Finding], method: Method) -> Fraction:
    """The total of these findings by this method."""
    if method.name == "damped":
        factor = exact(method.factor)
        by_category: dict[str, list[Fraction]] = {}
        for finding in findings:
            by_category.setdefault(finding.category, []).extend([exact(finding.weight)] * finding.count)
        total = Fraction(0)
        for weights in by_category.values():
            weights.sort(reverse=True)
            power = Fraction(1)
            for weight in weights:
                total += weight * power
                power *= factor
        return total
    counted = [(exact(finding.weight), finding.count) for finding in findings]
    if method.name == "max":
        return max((weight for weight, _ in counted), default=Fraction(0))
    return sum((weight * count for weight, count in counted), Fraction(0))


def asked_for(criterion: Criterion) -> frozenset[str]:
    """The actions by name that `decide` asks for, whatever they weigh."""
    match criterion:
        case Found(action=name):
            return frozenset({name})
        case AllOf(terms=terms) | AnyOf(terms=terms):
            return frozenset[str]().union(*map(asked_for, terms))
        case NotSo(term=term):
            return asked_for(term)
        case _:
            return frozenset()


def holds(criterion: Criterion, total: Fraction, findings: Sequence[Finding], threshold: float) -> bool:
    """Whether `decide`'s criterion holds for a component or the whole."""
    match criterion:
        case Total(op=op, value=value):
            bound = exact(threshold if value is None else value)
            return {
                "<": total < bound, "<=": total <= bound, ">": total > bound, ">=": total >= bound, "=": total == bound
            }[op]  # fmt: skip
        case Found(action=action, disclosed=disclosed):
            return any(f.action == action and disclosed in (None, f.disclosed) for f in findings)
        case AllOf(terms=terms):
            return all(holds(term, total, findings, threshold) for term in terms)
        case AnyOf(terms=terms):
            return any(holds(term, total, findings, threshold) for term in terms)
        case NotSo(term=term):
            return not holds(term, total, findings, threshold)


def judge(
    findings: Sequence[Finding],
    *,
    components: Sequence[str],
    method: Method,
    threshold: float,
    decide: Decide,
) -> Verdict:
    """The verdict on these findings. `components` names every component, also those without a finding, in order.

    One undesirable component makes the whole undesirable.
    """
    names = list(dict.fromkeys([*components, *(finding.component for finding in findings)]))
    parts = []
    for name in names:
        own = tuple(finding for finding in findings if finding.component == name)
        total = total_of(own, method)
        bad = holds(decide.undesirable, total, own, threshold)
        parts.append(
            ComponentVerdict(name=name, total=float(total), verdict="undesirable" if bad else "clean", findings=own)
        )
    total = total_of(findings, method)
    bad = holds(decide.undesirable, total, findings, threshold) or any(p.verdict == "undesirable" for p in parts)
    return Verdict(
        verdict="undesirable" if bad else "clean",
        total=float(total),
        threshold=threshold,
        method=method,
        findings=tuple(findings),
        components=tuple(parts),
    )


class Without(msgspec.Struct, frozen=True, kw_only=True):
    """What would be left out, and the verdict on the rest. `offered`: the rest is clean, so it may be installed."""

    left_out: tuple[Finding, ...]
    rest: Verdict

    @property
    def offered(self) -> bool:
        return bool(self.left_out) and not self.rest.undesirable


def without(verdict: Verdict, decide: Decide, can_leave_out: frozenset[str] = LEAVES_OUT) -> Without:
    """Leave out every finding whose remedy can do that, and score the rest again."""
    left_out = tuple(finding for finding in verdict.findings if finding.remedy in can_leave_out)
    rest = tuple(finding for finding in verdict.findings if finding.remedy not in can_leave_out)
    return Without(
        left_out=left_out,
        rest=judge(
            rest,
            components=[part.name for part in verdict.components],
            method=verdict.method,
            threshold=verdict.threshold,
            decide=decide,
        ),
    )
