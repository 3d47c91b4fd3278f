"""A checked policy as typed values: what the checker makes of the files, and all that later stages ever read.

Names are resolved, `let`s are put in, types are right and units are converted (seconds, bytes, shares of 1). Nothing
here knows the syntax, and nothing here runs: the compiler turns triggers into matchers, the sandbox reads the
`SessionPlan`, and plugins are handed the rest (`Distribution`, `Spool`, `Alerts`, ...) as it stands.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

import msgspec


class Struct(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=False):
    """An immutable record that msgspec can write as JSON."""


class Tagged(msgspec.Struct, frozen=True, tag_field="is", tag=str.lower):
    """One case of a union; the tag in JSON is the class name in lower case."""


class Location(msgspec.Struct, frozen=True):
    """Where in the files something was said. Lines and columns count from 1."""

    file: str
    line: int
    column: int = 1

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"


NOWHERE: Final = Location("", 0, 0)

# -- conditions -------------------------------------------------------------------------------------------------------


class Regex(msgspec.Struct, frozen=True):
    """A regular expression in RE2's language, with flags (a subset of "ims")."""

    pattern: str
    flags: str = ""


class And(Tagged, frozen=True):
    terms: tuple[Condition, ...]


class Or(Tagged, frozen=True):
    terms: tuple[Condition, ...]


class Not(Tagged, frozen=True):
    term: Condition


class Always(Tagged, frozen=True):
    """No `where`: every event of the kind."""


class Flag(Tagged, frozen=True):
    """A flag field by itself: true when the event carries it as true."""

    field: str


class Equals(Tagged, frozen=True):
    """`field = value`; keys and Windows paths compare without regard to case (`fold`). `octal`: it is a mode."""

    field: str
    value: str | float | bool
    fold: bool = False
    octal: bool = False


class Order(Tagged, frozen=True):
    """`field < value` and its kin, for numbers, sizes, durations and modes (`octal`)."""

    field: str
    op: Literal["<", "<=", ">", ">="]
    value: float
    octal: bool = False


class OneOf(Tagged, frozen=True):
    """`field in [...]` for texts and numbers, modes (`octal`) among them."""

    field: str
    values: tuple[str | float, ...]
    fold: bool = False
    octal: bool = False


class Globs(Tagged, frozen=True):
    """`path in [...]` or `path matches "..."`: any of these globs. `~` is still unexpanded."""

    field: str
    globs: tuple[str, ...]
    fold: bool = False


class Matches(Tagged, frozen=True):
    """`field matches re"..."`: found anywhere in the text."""

    field: str
    regexes: tuple[Regex, ...]


class Contains(Tagged, frozen=True):
    """`field contains|begins with|ends with "text"`."""

    field: str
    how: Literal["contains", "begins", "ends"]
    value: str
    fold: bool = False


class Within(Tagged, frozen=True):
    """`address in "10.0.0.0/8"`: an address within any of these networks."""

    field: str
    networks: tuple[str, ...]


class SameAs(Tagged, frozen=True):
    """`field = other-field` of the same event."""

    field: str
    other: str


Condition: TypeAlias = (
    And | Or | Not | Always | Flag | Equals | Order | OneOf | Globs | Matches | Contains | Within | SameAs
)

# -- actions ----------------------------------------------------------------------------------------------------------

GroupBy: TypeAlias = Literal["process", "tree", "component", "session"]
Remedy: TypeAlias = Literal[
    "revert", "deny", "emulate", "untick", "disable", "quarantine", "cure", "uninstall", "notify", "none"
]
REMEDIES: Final[tuple[str, ...]] = (
    "revert", "deny", "emulate", "untick", "disable", "quarantine", "cure", "uninstall", "notify", "none"
)  # fmt: skip
#: Remedies that can leave an action out of an installation ("Without" in docs/language.md).
LEAVES_OUT: Final[frozenset[str]] = frozenset({"revert", "deny", "emulate", "untick", "disable"})


class Step(Struct, frozen=True, kw_only=True):
    """Event kinds and what must hold: one step of a trigger."""

    kinds: tuple[str, ...]
    where: Condition = Always()


class Single(Tagged, frozen=True):
    """`on KIND where ...`"""

    step: Step


class Count(Tagged, frozen=True):
    """`on N or more KIND ... by GROUP within T`; `within` in seconds, None: the whole session."""

    at_least: int
    step: Step
    by: GroupBy
    within: float | None = None


class Sequence(Tagged, frozen=True):
    """`on sequence by GROUP within T { ... }`: steps in order, earliest matches first, starting anew after a hit."""

    steps: tuple[Step, ...]
    by: GroupBy
    within: float | None = None


Trigger: TypeAlias = Single | Count | Sequence


class Example(Struct, frozen=True, kw_only=True):
    """`match` / `no match`: events an action must find, or must not."""

    events: tuple[ExampleEvent, ...]
    expect_match: bool
    where: Location = NOWHERE


class ExampleEvent(Struct, frozen=True, kw_only=True):
    kind: str
    fields: dict[str, str | float | bool]


class Action(Struct, frozen=True, kw_only=True):
    """One undesirable action. `disclosed_weight` None: being told changes nothing."""

    name: str
    title: str
    category: str
    triggers: tuple[Trigger, ...]
    weight: float
    disclosed_weight: float | None = None
    each_up_to: int = 1
    remedy: Remedy = "none"
    because: tuple[str, ...] = ()
    examples: tuple[Example, ...] = ()
    policy: str = ""
    where: Location = NOWHERE


# -- what the person was shown ----------------------------------------------------------------------------------------

Control: TypeAlias = Literal["checkbox", "radio", "list-item", "tree-item", "button", "text"]


class ByControl(Tagged, frozen=True):
    """`by checkbox, radio labelled re"..." left ticked`"""

    controls: tuple[Control, ...]
    labelled: tuple[Regex, ...]
    state: Literal["ticked", "left ticked", "shown", "pressed"]


class ByPrompt(Tagged, frozen=True):
    """`by prompt asking re"..." answered yes`"""

    asking: tuple[Regex, ...]
    answered: Literal["yes", "no", "anything"]


class Disclosure(Struct, frozen=True, kw_only=True):
    """The person was told about `covers` when any of `by` held."""

    name: str
    covers: tuple[str, ...]  # action names
    by: tuple[ByControl | ByPrompt, ...]
    where: Location = NOWHERE


class Untick(Struct, frozen=True, kw_only=True):
    """Elements to untick, prompts to decline, buttons to press; `never` always wins."""

    controls: tuple[UntickControl, ...] = ()
    decline: tuple[Regex, ...] = ()
    press: tuple[UntickPress, ...] = ()
    never: tuple[Regex, ...] = ()


class UntickControl(Struct, frozen=True, kw_only=True):
    controls: tuple[Control, ...]
    labelled: tuple[Regex, ...]


class UntickPress(Struct, frozen=True, kw_only=True):
    buttons: tuple[str, ...]
    windows: tuple[Regex, ...]


# -- the session ------------------------------------------------------------------------------------------------------

Network: TypeAlias = Literal["none", "observed", "host"]


class NetworkRule(Struct, frozen=True, kw_only=True):
    """`network MODE [to HOSTS] [for SUBJECT KINDS]`; no `only_for`: for all."""

    mode: Network
    to: tuple[str, ...] = ()
    only_for: tuple[str, ...] = ()


class SessionPlan(Struct, frozen=True, kw_only=True):
    """All that the policy asks of a session, decided before it starts: nothing calls back while a program runs."""

    network: tuple[NetworkRule, ...] = (NetworkRule(mode="none"),)
    hide: tuple[str, ...] = ()  # globs
    give: tuple[str, ...] = ()  # sockets of the person's: names (see `sandbox.given`) or paths
    instrument: tuple[str, ...] = ()  # classes (installers, interpreters, gui) or program globs
    deny: tuple[Step, ...] = ()
    emulate: tuple[Step, ...] = ()
    silent_switches: Literal["never", "known"] = "never"
    record_without: tuple[str, ...] = ()  # globs whose content a recording must not hold
    read_globs: tuple[str, ...] = ()  # paths some action watches being read
    untick: Untick = Untick()
    kinds: frozenset[str] = frozenset()  # event kinds some action listens to

    def network_for(self, kind: str) -> NetworkRule:
        """The rule for a subject of this kind: the last that names it, else the last that names none."""
        general = [rule for rule in self.network if not rule.only_for]
        own = [rule for rule in self.network if kind in rule.only_for]
        return (own or general or [NetworkRule(mode="none")])[-1]


# -- trust, reputation, signatures ------------------------------------------------------------------------------------


class TrustedSigner(Struct, frozen=True, kw_only=True):
    name: str
    key: str  # path of a public keyring, as written
    where: Location = NOWHERE


class HashList(Struct, frozen=True, kw_only=True):
    """`allow|block sha256 from FILE` or `allow|block sha256 "..."`."""

    verdict: Literal["allow", "block"]
    file: str | None = None
    sha256: tuple[str, ...] = ()
    where: Location = NOWHERE


class SourceRule(Struct, frozen=True, kw_only=True):
    """`allow|block source matching re"..."`: by where the file was downloaded from."""

    verdict: Literal["allow", "block"]
    matching: tuple[Regex, ...]
    where: Location = NOWHERE


class Trust(Struct, frozen=True, kw_only=True):
    signers: tuple[TrustedSigner, ...] = ()
    hashes: tuple[HashList, ...] = ()
    sources: tuple[SourceRule, ...] = ()


class ReputationRule(Struct, frozen=True, kw_only=True):
    """One line of `reputation`: `what` holds, then `weight` is added.

    `what` is unsigned, vendor, signer, seen or refused; `name` is for a vendor or signer; `bound` is endpoints for seen
    (fewer than) or a share of 1 for refused (more than).
    """

    what: Literal["unsigned", "vendor", "signer", "seen", "refused"]
    weight: float
    name: str = ""
    bound: float = 0.0
    where: Location = NOWHERE


class Reputation(Struct, frozen=True, kw_only=True):
    rules: tuple[ReputationRule, ...] = ()
    answer_within: float = 0.2  # seconds


class Signatures(Struct, frozen=True, kw_only=True):
    """A `signatures` block: rule files for a scanner, and what a match weighs."""

    engine: str  # "yara"
    files: tuple[str, ...]  # globs, relative to the policy file
    weight: float = 100.0  # when no meta says otherwise
    weight_from_meta: str | None = None
    remedy: Remedy = "quarantine"
    cure_when: tuple[tuple[str, str], ...] = ()  # (meta key, value)
    where: Location = NOWHERE


# -- deciding ---------------------------------------------------------------------------------------------------------


class Total(Tagged, frozen=True):
    """`total >= threshold` or `total >= 150`; `value` None: the policy's threshold."""

    op: Literal["<", "<=", ">", ">=", "="]
    value: float | None = None


class Found(Tagged, frozen=True):
    """`action NAME [disclosed|undisclosed]`"""

    action: str
    disclosed: bool | None = None


class AllOf(Tagged, frozen=True):
    terms: tuple[Criterion, ...]


class AnyOf(Tagged, frozen=True):
    terms: tuple[Criterion, ...]


class NotSo(Tagged, frozen=True):
    term: Criterion


Criterion: TypeAlias = Total | Found | AllOf | AnyOf | NotSo


class Decide(Struct, frozen=True, kw_only=True):
    undesirable: Criterion = Total(op=">=")
    remember_for: float | None = 180 * 86400.0  # seconds; None: for ever
    remember_by: tuple[Literal["sha256", "signer", "name"], ...] = ("sha256",)


class Method(Struct, frozen=True, kw_only=True):
    """How weights become a total: sum, max, or damped with factor k."""

    name: Literal["sum", "max", "damped"] = "sum"
    factor: float = 1.0

    def __str__(self) -> str:
        return f"damped {self.factor:g}" if self.name == "damped" else self.name


# -- the fleet --------------------------------------------------------------------------------------------------------


class Transfer(Struct, frozen=True, kw_only=True):
    """`pull every 15m, retry 3 times 30s apart, then push` on one link."""

    how: Literal["pull", "push"]
    every: float | None = None
    retries: int = 0
    apart: float = 0.0
    then: Literal["pull", "push"] | None = None
    then_every: float | None = None


class Route(Struct, frozen=True, kw_only=True):
    source: Literal["center", "site"]
    to: Literal["site", "endpoint"]
    transfer: Transfer


class Ring(Struct, frozen=True, kw_only=True):
    share: float  # of 1
    lasts: float | None = None  # seconds; None: the last ring


class Halt(Struct, frozen=True, kw_only=True):
    """`halt when verdicts change on more than 1% of recordings`"""

    more_than: float


class GroupRule(Struct, frozen=True, kw_only=True):
    group: str
    receives: tuple[str, ...]


class Distribution(Struct, frozen=True, kw_only=True):
    what: str  # "vaccines"
    routes: tuple[Route, ...] = ()
    rings: tuple[Ring, ...] = ()
    halt: Halt | None = None
    groups: tuple[GroupRule, ...] = ()
    where: Location = NOWHERE


class Samples(Struct, frozen=True, kw_only=True):
    send: tuple[str, ...] = ()  # "incurable", "unknown", ...
    never: tuple[str, ...] = ()  # globs
    at_most: int | None = None  # bytes


class Spool(Struct, frozen=True, kw_only=True):
    keep_bytes: int | None = None
    keep_seconds: float | None = None
    drop_first: tuple[str, ...] = ()
    never_drop: tuple[str, ...] = ()
    warn: tuple[str, ...] = ()
    where: Location = NOWHERE


class Channel(Struct, frozen=True, kw_only=True):
    name: str
    url: str
    where: Location = NOWHERE


class AlertRule(Struct, frozen=True, kw_only=True):
    """`on spool over 80% to ops`"""

    on: str
    to: tuple[str, ...]
    over: float | None = None  # share of 1


class Alerts(Struct, frozen=True, kw_only=True):
    rules: tuple[AlertRule, ...] = ()
    at_most_per_hour: int | None = None


# -- tests ------------------------------------------------------------------------------------------------------------


class Expectation(Struct, frozen=True, kw_only=True):
    """One `expect` clause. A field that is None expects nothing. `component` "": the whole."""

    component: str = ""
    verdict: Literal["clean", "undesirable"] | None = None
    total: float | None = None
    actions: tuple[tuple[str, bool | None], ...] = ()  # (action, disclosed?)
    absent: tuple[str, ...] = ()  # `no action NAME`
    where: Location = NOWHERE


class Test(Struct, frozen=True, kw_only=True):
    """A `test` block: on a recording, or on events written out."""

    __test__ = False  # not for pytest to collect
    title: str
    recording: str | None = None
    events: tuple[ExampleEvent, ...] = ()
    expect: tuple[Expectation, ...] = ()
    where: Location = NOWHERE


# -- the whole --------------------------------------------------------------------------------------------------------


class Policy(Struct, frozen=True, kw_only=True):
    """One policy with all it extends put in: the checker's result and the compiler's input."""

    name: str
    title: str = ""
    version: str = "0"
    extends: tuple[str, ...] = ()
    method: Method = Method()
    threshold: float = 100.0
    undesirable: Literal["install", "without", "refuse", "ask"] = "ask"
    unattended: Literal["install", "without", "refuse"] = "refuse"
    actions: tuple[Action, ...] = ()
    disabled: tuple[tuple[str, str], ...] = ()  # (action, because)
    disclosures: tuple[Disclosure, ...] = ()
    plan: SessionPlan = SessionPlan()
    trust: Trust = Trust()
    reputation: Reputation = Reputation()
    signatures: tuple[Signatures, ...] = ()
    decide: Decide = Decide()
    distribution: Distribution | None = None
    samples: Samples | None = None
    spool: Spool | None = None
    channels: tuple[Channel, ...] = ()
    alerts: Alerts = Alerts()
    tests: tuple[Test, ...] = ()
    files: tuple[str, ...] = ()
