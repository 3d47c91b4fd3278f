"""What a policy file says, as it was written: one frozen record for each rule of grammar/policy.lark.

The fields stand in the order of the rule's names and literals. `at` is the offset of the record's first character in
the text; it takes no part in comparing, so that a file and its formatted self are equal.
"""

from __future__ import annotations

from typing import Final, TypeAlias

import msgspec


class Node(msgspec.Struct, frozen=True, eq=False, tag_field="is", array_like=True, gc=False):
    """A piece of a policy. `at`: offset of its first character, in characters.

    Nodes make no circles, so none of them is traced.
    """

    at: int

    def __eq__(self, other: object) -> bool:
        if type(self) is not type(other):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self.__struct_fields__[1:])

    def __hash__(self) -> int:
        return hash((type(self), *(getattr(self, name) for name in self.__struct_fields__[1:])))


# -- values -----------------------------------------------------------------------------------------------------------


class Name(Node, frozen=True, tag=True, eq=False):
    """A word: a name, a keyword that is a choice, or an operator ("begins with")."""

    value: str


class Text(Node, frozen=True, tag=True, eq=False):
    """A quoted text, its escapes undone."""

    value: str


class Pattern(Node, frozen=True, tag=True, eq=False):
    """`re"..."i`."""

    value: str
    flags: str


class Quantity(Node, frozen=True, tag=True, eq=False):
    """A number with its unit, which may be none. `value` is in the base unit: seconds, bytes, shares of 1."""

    value: float
    unit: str


class Array(Node, frozen=True, tag=True, eq=False):
    items: tuple[Value, ...]


Value: TypeAlias = Name | Text | Pattern | Quantity | Array

# -- conditions -------------------------------------------------------------------------------------------------------


class Flag(Node, frozen=True, tag=True, eq=False):
    field: Name


class Comparison(Node, frozen=True, tag=True, eq=False):
    field: Name
    operator: Name
    value: Value


class Negation(Node, frozen=True, tag=True, eq=False):
    term: Condition


class AllOf(Node, frozen=True, tag=True, eq=False):
    terms: tuple[Condition, ...]


class AnyOf(Node, frozen=True, tag=True, eq=False):
    terms: tuple[Condition, ...]


Condition: TypeAlias = Flag | Comparison | Negation | AllOf | AnyOf


class Step(Node, frozen=True, tag=True, eq=False):
    kinds: tuple[Name, ...]
    where: Condition | None


class Count(Node, frozen=True, tag=True, eq=False):
    at_least: Quantity
    step: Step
    by: Name
    within: Quantity | None


class Sequence(Node, frozen=True, tag=True, eq=False):
    by: Name
    within: Quantity | None
    steps: tuple[Step, ...]


class Field(Node, frozen=True, tag=True, eq=False):
    name: Name
    value: Value


class Event(Node, frozen=True, tag=True, eq=False):
    times: Quantity | None
    kind: Name
    fields: tuple[Field, ...] | None


# -- actions ----------------------------------------------------------------------------------------------------------


class Category(Node, frozen=True, tag=True, eq=False):
    name: Name


class On(Node, frozen=True, tag=True, eq=False):
    trigger: Step | Count | Sequence


class Weight(Node, frozen=True, tag=True, eq=False):
    weight: Quantity
    disclosed: Quantity | None
    up_to: Quantity | None


class Remedy(Node, frozen=True, tag=True, eq=False):
    name: Name


class Because(Node, frozen=True, tag=True, eq=False):
    text: Text


class Match(Node, frozen=True, tag=True, eq=False):
    events: tuple[Event, ...]


class NoMatch(Node, frozen=True, tag=True, eq=False):
    events: tuple[Event, ...]


Clause: TypeAlias = Category | On | Weight | Remedy | Because | Match | NoMatch


class Action(Node, frozen=True, tag=True, eq=False):
    name: Name
    title: Text | None
    clauses: tuple[Clause, ...]


# -- the policy itself ------------------------------------------------------------------------------------------------


class Version(Node, frozen=True, tag=True, eq=False):
    text: Text


class Extends(Node, frozen=True, tag=True, eq=False):
    names: tuple[Name, ...]


class Score(Node, frozen=True, tag=True, eq=False):
    method: Name
    factor: Quantity | None


class Threshold(Node, frozen=True, tag=True, eq=False):
    number: Quantity


class Undesirable(Node, frozen=True, tag=True, eq=False):
    answer: Name


class Unattended(Node, frozen=True, tag=True, eq=False):
    answer: Name


Setting: TypeAlias = Score | Threshold | Undesirable | Unattended


class Policy(Node, frozen=True, tag=True, eq=False):
    name: Name
    title: Text | None
    statements: tuple[Version | Extends | Setting | Override, ...]


class Part(Node, frozen=True, tag=True, eq=False):
    of: Name


class Let(Node, frozen=True, tag=True, eq=False):
    name: Name
    value: Value


class Disable(Node, frozen=True, tag=True, eq=False):
    action: Name
    because: Text


# -- what the person is told ------------------------------------------------------------------------------------------


class Covers(Node, frozen=True, tag=True, eq=False):
    actions: tuple[Name, ...]


class ByControl(Node, frozen=True, tag=True, eq=False):
    controls: tuple[Name, ...]
    labelled: tuple[Value, ...]
    state: Name
    state_of: Name | None


class ByPrompt(Node, frozen=True, tag=True, eq=False):
    asking: tuple[Value, ...]
    answered: Name


class Disclosure(Node, frozen=True, tag=True, eq=False):
    name: Name
    statements: tuple[Covers | ByControl | ByPrompt, ...]


class UntickControl(Node, frozen=True, tag=True, eq=False):
    controls: tuple[Name, ...]
    labelled: tuple[Value, ...]


class Decline(Node, frozen=True, tag=True, eq=False):
    asking: tuple[Value, ...]


class Press(Node, frozen=True, tag=True, eq=False):
    buttons: tuple[Value, ...]
    windows: tuple[Value, ...]


class NeverLabelled(Node, frozen=True, tag=True, eq=False):
    labelled: tuple[Value, ...]


class Untick(Node, frozen=True, tag=True, eq=False):
    statements: tuple[UntickControl | Decline | Press | NeverLabelled, ...]


# -- the session ------------------------------------------------------------------------------------------------------


class Network(Node, frozen=True, tag=True, eq=False):
    mode: Name
    to: tuple[Value, ...] | None
    only_for: tuple[Name, ...] | None


class Hide(Node, frozen=True, tag=True, eq=False):
    paths: tuple[Value, ...]


class Give(Node, frozen=True, tag=True, eq=False):
    sockets: tuple[Value, ...]


class Instrument(Node, frozen=True, tag=True, eq=False):
    programs: tuple[Value, ...]


class Deny(Node, frozen=True, tag=True, eq=False):
    step: Step


class Emulate(Node, frozen=True, tag=True, eq=False):
    step: Step


class SilentSwitches(Node, frozen=True, tag=True, eq=False):
    use: Name


class RecordWithout(Node, frozen=True, tag=True, eq=False):
    paths: tuple[Value, ...]


class Sandbox(Node, frozen=True, tag=True, eq=False):
    statements: tuple[Network | Hide | Give | Instrument | Deny | Emulate | SilentSwitches | RecordWithout, ...]


# -- trust, reputation, signatures ------------------------------------------------------------------------------------


class TrustedSigner(Node, frozen=True, tag=True, eq=False):
    name: Text
    key: Text


class HashesFrom(Node, frozen=True, tag=True, eq=False):
    standing: Name
    file: Text


class Hashes(Node, frozen=True, tag=True, eq=False):
    standing: Name
    sha256: tuple[Value, ...]


class Source(Node, frozen=True, tag=True, eq=False):
    standing: Name
    matching: tuple[Value, ...]


class Trust(Node, frozen=True, tag=True, eq=False):
    statements: tuple[TrustedSigner | HashesFrom | Hashes | Source, ...]


class Unsigned(Node, frozen=True, tag=True, eq=False):
    weight: Quantity


class Vendor(Node, frozen=True, tag=True, eq=False):
    name: Text
    weight: Quantity


class SignedBy(Node, frozen=True, tag=True, eq=False):
    name: Text
    weight: Quantity


class Seen(Node, frozen=True, tag=True, eq=False):
    fewer_than: Quantity
    weight: Quantity


class Refused(Node, frozen=True, tag=True, eq=False):
    more_than: Quantity
    weight: Quantity


class Answer(Node, frozen=True, tag=True, eq=False):
    within: Quantity


class Reputation(Node, frozen=True, tag=True, eq=False):
    statements: tuple[Unsigned | Vendor | SignedBy | Seen | Refused | Answer, ...]


class SignatureWeight(Node, frozen=True, tag=True, eq=False):
    weight: Quantity


class WeightFromMeta(Node, frozen=True, tag=True, eq=False):
    key: Name
    otherwise: Quantity | None


class CureWhen(Node, frozen=True, tag=True, eq=False):
    key: Name
    equals: Text


class Signatures(Node, frozen=True, tag=True, eq=False):
    engine: Name
    files: tuple[Value, ...]
    statements: tuple[SignatureWeight | WeightFromMeta | Remedy | CureWhen, ...]


# -- deciding ---------------------------------------------------------------------------------------------------------


class Total(Node, frozen=True, tag=True, eq=False):
    bound: Name
    value: Quantity | Name


class Found(Node, frozen=True, tag=True, eq=False):
    action: Name
    state: Name | None


class NotCriterion(Node, frozen=True, tag=True, eq=False):
    term: Criterion


class AllCriteria(Node, frozen=True, tag=True, eq=False):
    terms: tuple[Criterion, ...]


class AnyCriterion(Node, frozen=True, tag=True, eq=False):
    terms: tuple[Criterion, ...]


Criterion: TypeAlias = Total | Found | NotCriterion | AllCriteria | AnyCriterion


class UndesirableWhen(Node, frozen=True, tag=True, eq=False):
    criterion: Criterion


class Remember(Node, frozen=True, tag=True, eq=False):
    duration: Quantity | Name
    by: tuple[Name, ...]


class Decide(Node, frozen=True, tag=True, eq=False):
    statements: tuple[UndesirableWhen | Remember, ...]


# -- the fleet --------------------------------------------------------------------------------------------------------


class Leg(Node, frozen=True, tag=True, eq=False):
    how: Name
    every: Quantity | None


class Retry(Node, frozen=True, tag=True, eq=False):
    times: Quantity
    apart: Quantity


class Fallback(Node, frozen=True, tag=True, eq=False):
    how: Name
    every: Quantity | None


class Route(Node, frozen=True, tag=True, eq=False):
    source: Name
    to: Name
    leg: Leg
    retry: Retry | None
    fallback: Fallback | None


class Ring(Node, frozen=True, tag=True, eq=False):
    share: Quantity
    lasts: Quantity | None


class Everyone(Node, frozen=True, tag=True, eq=False):
    pass


class RollOut(Node, frozen=True, tag=True, eq=False):
    rings: tuple[Ring | Everyone, ...]


class Halt(Node, frozen=True, tag=True, eq=False):
    more_than: Quantity


class Group(Node, frozen=True, tag=True, eq=False):
    name: Text
    receives: tuple[Name, ...]


class Distribute(Node, frozen=True, tag=True, eq=False):
    what: Name
    statements: tuple[Route | RollOut | Halt | Group, ...]


class Send(Node, frozen=True, tag=True, eq=False):
    what: tuple[Name, ...]


class NeverSend(Node, frozen=True, tag=True, eq=False):
    paths: tuple[Value, ...]


class AtMost(Node, frozen=True, tag=True, eq=False):
    size: Quantity


class Samples(Node, frozen=True, tag=True, eq=False):
    statements: tuple[Send | NeverSend | AtMost, ...]


class Keep(Node, frozen=True, tag=True, eq=False):
    limits: tuple[Quantity, ...]


class WhenFull(Node, frozen=True, tag=True, eq=False):
    drop: tuple[Name, ...]


class NeverDrop(Node, frozen=True, tag=True, eq=False):
    what: tuple[Name, ...]


class Warn(Node, frozen=True, tag=True, eq=False):
    who: tuple[Name, ...]


class Spool(Node, frozen=True, tag=True, eq=False):
    statements: tuple[Keep | WhenFull | NeverDrop | Warn, ...]


class Channel(Node, frozen=True, tag=True, eq=False):
    name: Name
    url: Text


class AlertOn(Node, frozen=True, tag=True, eq=False):
    what: Name
    over: Quantity | None
    to: tuple[Name, ...]


class AtMostAnHour(Node, frozen=True, tag=True, eq=False):
    number: Quantity


class Alert(Node, frozen=True, tag=True, eq=False):
    statements: tuple[AlertOn | AtMostAnHour, ...]


# -- tests ------------------------------------------------------------------------------------------------------------


class GivenRecording(Node, frozen=True, tag=True, eq=False):
    file: Text


class Given(Node, frozen=True, tag=True, eq=False):
    events: tuple[Event, ...]


class ExpectVerdict(Node, frozen=True, tag=True, eq=False):
    verdict: Name


class ExpectTotal(Node, frozen=True, tag=True, eq=False):
    number: Quantity


class ExpectAction(Node, frozen=True, tag=True, eq=False):
    action: Name
    state: Name | None


class ExpectAbsent(Node, frozen=True, tag=True, eq=False):
    action: Name


class Expect(Node, frozen=True, tag=True, eq=False):
    component: Text | None
    outcomes: tuple[ExpectVerdict | ExpectTotal | ExpectAction | ExpectAbsent, ...]


class Test(Node, frozen=True, tag=True, eq=False):
    title: Text
    statements: tuple[GivenRecording | Given | Expect, ...]


# -- the file ---------------------------------------------------------------------------------------------------------


class Override(Node, frozen=True, tag=True, eq=False):
    what: Overridable


Overridable: TypeAlias = (
    Action | Let | Channel | Disclosure | Decide | Spool | Samples | Distribute | Sandbox | Reputation | Alert | Setting
)

Item: TypeAlias = (
    Policy
    | Part
    | Let
    | Action
    | Disclosure
    | Untick
    | Sandbox
    | Trust
    | Reputation
    | Signatures
    | Decide
    | Distribute
    | Samples
    | Spool
    | Channel
    | Alert
    | Override
    | Disable
    | Test
)


class Comment(Node, frozen=True, tag=True, eq=False):
    """`# ...`, without the trailing blanks."""

    text: str


class File(Node, frozen=True, tag=True, eq=False):
    items: tuple[Item, ...]
    comments: tuple[Comment, ...]


#: Rule of the grammar -> its record.
RECORDS: Final[dict[str, type[Node]]] = {
    "".join("_" * (i > 0 and c.isupper()) + c.lower() for i, c in enumerate(cls.__name__)): cls
    for cls in Node.__subclasses__()
}
