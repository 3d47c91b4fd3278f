"""Regular expressions and globs as values of a policy: each is looked at once, and reported where it is written."""

from __future__ import annotations

from pratique.policy import model, syntax
from pratique.policy.patterns import glob_fault, is_windows, open_bracket, regex_fault
from pratique.policy.scope import Leaf, Scope, spoken


def stands_in(value: syntax.Value, leaf: Leaf) -> bool:
    """Whether this very value is written here, rather than in a let that is named here."""
    return value is leaf or (isinstance(value, syntax.Array) and any(stands_in(item, leaf) for item in value.items))


def regex(scope: Scope, leaf: syntax.Pattern, at: syntax.Node | None = None) -> model.Regex | None:
    """A regular expression, when RE2 takes it. `at`: where to report instead, for one that stands in a let."""
    memory = scope.context.regexes
    key = (leaf.value, leaf.flags)
    if key not in memory:
        memory[key] = regex_fault(leaf.value, leaf.flags)
    message, place = memory[key]
    if not message:
        return model.Regex(leaf.value, "".join(sorted(leaf.flags)))
    if at is not None:
        scope.report("P0202", at, f'{message}, in re"{leaf.value[:60]}"')
    else:
        scope.report("P0202", leaf, message, skip=3 + place if place >= 0 else 0)
    return None


def regexes(scope: Scope, given: tuple[syntax.Value, ...]) -> tuple[model.Regex, ...]:
    """The values as regular expressions; anything else is reported."""
    out = []
    for leaf in scope.values(given):
        if isinstance(leaf, syntax.Pattern):
            found = regex(scope, leaf, None if any(stands_in(value, leaf) for value in given) else given[0])
            if found is not None:
                out.append(found)
        else:
            scope.report("P0208", given[0], f'expected a regular expression like re"..."; found {spoken(leaf)}')
    return tuple(dict.fromkeys(out))


def glob(scope: Scope, text: str, at: syntax.Value, leaf: Leaf, *, rooted: bool) -> bool:
    """Whether a glob is sound; reported when not."""
    memory = scope.context.globs
    key = (text, rooted)
    fault = memory.get(key)
    if fault is None:
        memory[key] = fault = glob_fault(text, rooted=rooted, fold=not rooted or is_windows(text))
        if not fault and "[" in text and (place := open_bracket(text)) >= 0:
            message = f'the "[" of "{text[place : place + 40]}" opens no set, for want of a "]": it stands for itself'
            where = leaf if stands_in(at, leaf) else at
            scope.warn("P0409", where, message, help='write "[[]" for a bracket that is meant')
    if not fault:
        return True
    if stands_in(at, leaf):
        scope.report("P0203", leaf, fault)
    else:
        scope.report("P0203", at, f'{fault}, in "{text[:60]}"')
    return False


def globs(scope: Scope, given: tuple[syntax.Value, ...]) -> tuple[str, ...]:
    """The values as path patterns; anything else is reported."""
    out = []
    for value in given:
        for leaf in scope.values(value):
            if not isinstance(leaf, syntax.Text):
                scope.report("P0208", value, f"expected paths in quotes; found {spoken(leaf)}")
            elif glob(scope, leaf.value, value, leaf, rooted=True):
                out.append(leaf.value)
    return tuple(dict.fromkeys(out))
