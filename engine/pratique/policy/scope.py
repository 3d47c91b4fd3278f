"""What the checker knows while it reads one file: the names of the whole policy, and where to report.

`Context` is shared by all files of a policy, `Scope` belongs to one file. Lets are resolved here, each once.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Final, Literal

from pratique.events import Vocabulary
from pratique.policy import model, modes, syntax
from pratique.policy.diagnostics import Diagnostic, Note
from pratique.policy.lexer import length_of_token
from pratique.policy.limits import DEEPEST_LET, LARGEST_LET, LARGEST_NUMBER, LARGEST_POLICY
from pratique.policy.model import Location
from pratique.policy.nearest import did_you_mean, listed
from pratique.policy.parser import Parsed, Places

Leaf = syntax.Name | syntax.Text | syntax.Pattern | syntax.Quantity

#: Characters of a text that count as one value.
_ONE_VALUE: Final = 100


class Source:
    """One policy file: its text as read, and the policy it belongs to ("" when it says none)."""

    def __init__(self, name: str, text: str, parsed: Parsed) -> None:
        self.name = name
        self.text = text
        self.file = parsed.file
        self.diagnostics = parsed.diagnostics
        self.policy = next(
            (
                item.name.value if isinstance(item, syntax.Policy) else item.of.value
                for item in parsed.file.items
                if isinstance(item, syntax.Policy | syntax.Part)
            ),
            "",
        )
        self._places: Places | None = None

    def place(self, at: int) -> Location:
        if self._places is None:
            self._places = Places(self.name, self.text)
        return self._places(at)


class Context:
    """What all files of a policy share while it is checked."""

    def __init__(self, vocabulary: Vocabulary, observed: Collection[str] | None = None) -> None:
        self.vocabulary = vocabulary
        self.observed = observed
        self.diagnostics: list[Diagnostic] = []
        self.lets: dict[str, tuple[syntax.Let, Scope]] = {}
        self.actions: Collection[str] = ()
        self.disabled: Collection[str] = ()
        self.channels: Collection[str] = ()
        self.used_lets: set[str] = set()
        self.unobserved: set[str] = set()
        # What was made of a value before: a let may be used a thousand times.
        self.compared: dict[tuple[str, str, str, str], model.Condition] = {}
        self.regexes: dict[tuple[str, str], tuple[str, int]] = {}
        self.globs: dict[tuple[str, bool], str] = {}
        self.expanded = 0
        self._resolved: dict[str, tuple[Leaf, ...]] = {}
        self._resolving: list[str] = []
        self._sizes: dict[str, int] = {}

    def resolve_let(self, name: str) -> tuple[Leaf, ...]:
        """The values of a let, lets within it put in. A faulty one is reported once and holds nothing."""
        self.used_lets.add(name)
        known = self._resolved.get(name)
        if known is not None:
            return known
        let, scope = self.lets[name]
        if name in self._resolving:
            circle = [*self._resolving[self._resolving.index(name) :], name]
            scope.report("P0307", let.name, f"these lets use each other in a circle: {' -> '.join(circle)}")
            self._resolved[name] = ()
            return ()
        if len(self._resolving) >= DEEPEST_LET:
            scope.report("P0308", let.name, f"lets may use each other no more than {DEEPEST_LET} deep")
            return ()
        self._resolving.append(name)
        values: list[Leaf] = []
        for leaf in _leaves(let.value):
            values.extend(scope.expand(leaf))
            if len(values) > LARGEST_LET:
                scope.report("P0308", let.name, f'"{name}" grows to more than {LARGEST_LET:,} values')
                values.clear()
                break
        self._resolving.pop()
        return self._resolved.setdefault(name, tuple(values))

    def size_of_let(self, name: str) -> int:
        """How many values a let counts as: long texts are several."""
        size = self._sizes.get(name)
        if size is None:
            texts = (syntax.Text, syntax.Pattern)
            size = sum(
                1 + len(leaf.value) // _ONE_VALUE if isinstance(leaf, texts) else 1 for leaf in self.resolve_let(name)
            )
            self._sizes[name] = size
        return size


class Scope:
    """One file, while it is checked."""

    def __init__(self, source: Source, context: Context) -> None:
        self.source = source
        self.context = context
        #: Statements were dropped by the parser: what seems to be missing may have been there.
        self.damaged = any(diagnostic.severity == "error" for diagnostic in source.diagnostics)

    def place(self, node: syntax.Node) -> Location:
        return self.source.place(node.at)

    def report(
        self,
        code: str,
        node: syntax.Node,
        message: str,
        *,
        note: str = "",
        help: str = "",
        related: Sequence[Note] = (),
        severity: Literal["error", "warning"] = "error",
        skip: int = 0,
    ) -> None:
        """Add a diagnostic at the first token of this node, or `skip` characters into it."""
        length = 1 if skip else length_of_token(self.source.text, node.at)
        where = self.source.place(node.at + skip)
        self.context.diagnostics.append(
            Diagnostic(
                code=code, message=message, where=where, length=length, severity=severity, note=note, help=help,
                related=tuple(related),
            )
        )  # fmt: skip

    def warn(self, code: str, node: syntax.Node, message: str, *, note: str = "", help: str = "") -> None:
        self.report(code, node, message, note=note, help=help, severity="warning")

    # -- values

    def expand(self, leaf: Leaf) -> tuple[Leaf, ...]:
        """This value, or the values of the let it names."""
        if type(leaf) is not syntax.Name or leaf.value in ("true", "false"):
            return (leaf,)
        if leaf.value in self.context.lets:
            values = self.context.resolve_let(leaf.value)
            return values if self.put_in(leaf) else ()
        self.report(
            "P0104", leaf, f'no let "{leaf.value}"', help=did_you_mean(leaf.value, self.context.lets)
            or "texts and paths are written in quotes"
        )  # fmt: skip
        return ()

    def put_in(self, let: syntax.Name) -> bool:
        """Count the values of a let where it is used; False, reported once, when the policy has too many of them.

        They count as often as they are written out when the checked policy is kept, though here they are one object.
        """
        context = self.context
        before = context.expanded
        context.expanded += context.size_of_let(let.value)
        if before <= LARGEST_POLICY < context.expanded:
            message = f"all lets put in, this policy has more than {LARGEST_POLICY:,} values"
            self.report("P0308", let, message, note=f"a text counts once for each {_ONE_VALUE} characters begun")
        return context.expanded <= LARGEST_POLICY

    def values(self, given: syntax.Value | Iterable[syntax.Value]) -> list[Leaf]:
        """All values, lists opened and lets put in."""
        out: list[Leaf] = []
        for value in (given,) if isinstance(given, syntax.Node) else given:
            for leaf in _leaves(value):
                out.extend(self.expand(leaf))
        return out

    def texts(self, given: Iterable[syntax.Value], wanted: str) -> tuple[str, ...]:
        """All values as texts; others are reported: `wanted` says what is expected here ("button texts")."""
        given = tuple(given)
        out = []
        for leaf in self.values(given):
            if isinstance(leaf, syntax.Text):
                out.append(leaf.value)
            else:
                self.report("P0208", given[0], f"expected {wanted} in quotes; found {spoken(leaf)}")
        return tuple(dict.fromkeys(out))

    # -- words and numbers

    def choice(self, name: syntax.Name, choices: Sequence[str], what: str) -> str:
        """The word, when it is one of these; else it is reported and the first is taken."""
        if name.value in choices:
            return name.value
        self.report(
            "P0106",
            name,
            f'"{name.value}" is not {what}',
            note=f"expected {listed(choices)}",
            help=did_you_mean(name.value, choices),
        )
        return choices[0]

    def choices(self, names: Iterable[syntax.Name], choices: Sequence[str], what: str) -> tuple[str, ...]:
        return tuple(dict.fromkeys(self.choice(name, choices, what) for name in names))

    def number(
        self,
        quantity: syntax.Quantity,
        what: str,
        least: float = 0.0,
        most: float = LARGEST_NUMBER,
        whole: bool = False,
    ) -> float:
        """The number, when it is within these limits; else it is reported and the nearest limit is taken."""
        value = quantity.value
        if least <= value <= most and not (whole and value != int(value)):
            return value
        if value > most >= LARGEST_NUMBER:
            limits = f"at most {_plainly(LARGEST_NUMBER)}"
        elif most >= LARGEST_NUMBER:
            limits = f"{_plainly(least)} or more"
        else:
            limits = f"from {_plainly(least)} to {_plainly(most)}"
        self.report("P0206", quantity, f"{what} must be {'a whole number, ' if whole else ''}{limits}")
        return least if value < least or value != value else min(value, most)

    def mode(self, quantity: syntax.Quantity, at: syntax.Node) -> int | None:
        """The mode of a file that was written; None (reported) when its digits are not those of one."""
        digits = f"{quantity.value:.15g}"
        found = modes.read(digits)
        if found is None:
            message = f"the mode of a file is written in octal, up to {modes.shown(modes.LARGEST)}; found {digits}"
            self.report("P0206", at, message, help="as for chmod: 644, 4755")
        return found

    def count(self, quantity: syntax.Quantity, what: str, least: int = 1, most: int = 1_000_000) -> int:
        return int(self.number(quantity, what, least, most, whole=True))

    def seconds(self, quantity: syntax.Quantity | None, what: str = "a time") -> float | None:
        return None if quantity is None else self.number(quantity, what, 0.001, 1e10)

    def share(self, quantity: syntax.Quantity, what: str = "a share") -> float:
        if quantity.value <= 1:
            return quantity.value
        self.report("P0206", quantity, f"{what} must be at most 100%")
        return 1.0

    # -- names

    def action(self, name: syntax.Name) -> str | None:
        """The name of an action that there is; None (reported) when there is none or it was disabled."""
        if name.value in self.context.actions:
            return name.value
        if name.value in self.context.disabled:
            self.warn("P0405", name, f'the action "{name.value}" is disabled; this has no effect')
            return None
        self.report("P0105", name, f'no action "{name.value}"', help=did_you_mean(name.value, self.context.actions))
        return None


def _plainly(number: float) -> str:
    """`1,000,000`, `0.001`: never with an exponent."""
    return f"{number:,.0f}" if number == int(number) else f"{number:,.12f}".rstrip("0")


def _leaves(value: syntax.Value) -> list[Leaf]:
    if type(value) is not syntax.Array:
        return [value]  # type: ignore[list-item]
    out: list[Leaf] = []
    for item in value.items:
        out.extend(_leaves(item))
    return out


def spoken(leaf: Leaf) -> str:
    """What a value is, in words: `the text "big"`."""
    match leaf:
        case syntax.Text(value=value):
            return f'the text "{value if len(value) <= 40 else value[:37] + "..."}"'
        case syntax.Pattern():
            return "a regular expression"
        case syntax.Quantity(unit=""):
            return f"the number {leaf.value:g}"
        case syntax.Quantity(unit="%"):
            return "a share"
        case syntax.Quantity(unit=unit):
            return "a time" if unit in ("ms", "s", "m", "h", "d") else "a size"
        case syntax.Name(value=value):
            return f'the word "{value}"'
