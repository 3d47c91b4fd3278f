"""Many globs, answered together: a tree of names, walked once along the path.

A path is read name by name. The *state* after some names is the set of places in the tree that can be reached; most
paths leave the tree within a name or two. States are made as they are met, one step for each name the tree knows and
one for all others, and the state of each directory is remembered, so that the files of one directory share its walk.
Both stores are bounded.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, Generic, TypeVar

from pratique.policy.paths import Name, Piece, literal, name_expression, names
from pratique.policy.searches import Find, FindAmong
from pratique.policy.texts import TextTable

T = TypeVar("T")

#: Directories and states remembered, each; a session of more directories starts over.
_MOST_KEPT: Final = 100_000


class _Node(Generic[T]):
    """One place in the tree: what may follow here, and what matches when the next name is the last."""

    __slots__ = ("down", "down_any", "down_some", "last", "last_any", "last_some", "beneath", "deep", "loops", "number")

    def __init__(self, number: int, loops: bool = False) -> None:
        self.number = number
        self.loops = loops  # the place behind `**`: any name leads back here
        self.down: dict[str, _Node[T]] = {}
        self.down_any: _Node[T] | None = None  # `*`
        self.down_some: dict[tuple[Piece, ...], _Node[T]] = {}
        self.last: dict[str, list[T]] = {}
        self.last_any: list[T] = []
        self.last_some: dict[tuple[Piece, ...], list[T]] = {}
        self.beneath: list[T] = []  # a last `**`: everything beneath
        self.deep: _Node[T] | None = None  # reached by `**`, also by no name at all


class _State(Generic[T]):
    """A set of places, with what is needed to go on from it."""

    __slots__ = ("always", "below", "downs", "last", "nodes", "other", "patterns", "plain", "quiet", "some", "steps")

    def __init__(self, nodes: tuple[_Node[T], ...], beneath: tuple[T, ...], fold: bool) -> None:
        self.nodes = nodes
        self.below = beneath  # what matches however the path goes on from here
        self.steps: dict[str, _State[T]] = {}  # only names the tree knows: an event adds nothing of its own
        self.other: _State[T] | None = None  # where a name the tree does not know leads, once that has been seen
        self.downs = tuple(node.down for node in nodes if node.down)
        self.last = tuple(node.last for node in nodes if node.last)
        self.always: tuple[T, ...] = (*beneath, *(entry for node in nodes for entry in node.last_any))
        some: TextTable[T] = TextTable()
        down: TextTable[_Node[T]] = TextTable()
        for node in nodes:
            for pieces, entries in node.last_some.items():
                for entry in entries:
                    _add_pattern(some, pieces, entry, fold)
            for pieces, below in node.down_some.items():
                _add_pattern(down, pieces, below, fold)
        self.some: Find[T] | None = some.find()
        self.patterns: Find[_Node[T]] | None = down.find()
        #: Last names and their entries, where that is all there is to know; an empty one when nothing can match.
        self.plain: dict[str, list[T]] | None = None
        if len(self.last) < 2 and not self.always and self.some is None and not any(node.beneath for node in nodes):
            self.plain = self.last[0] if self.last else {}
        #: No name changes anything: the rest of the directories need not be looked at.
        self.quiet = all(
            node.loops and not (node.down or node.down_any or node.down_some or node.beneath) for node in nodes
        )

    def knows(self, name: str) -> bool:
        """Whether this name leads elsewhere than a name nobody thought of."""
        if self.patterns is not None:
            return True
        for down in self.downs:  # noqa: SIM110 - asked for every new directory, where a generator would cost double
            if name in down:
                return True
        return False

    def accepted(self, name: str) -> Sequence[T]:
        """The entries of the globs that match when this is the last name."""
        out: list[T] = [*self.always]
        for table in self.last:
            if name in table:
                out += table[name]
        if self.some is not None:
            out += self.some(name)
        if name:  # `/a/` is not beneath `/a`
            for node in self.nodes:
                out += node.beneath
        return out


def _add_pattern(table: TextTable[T], pieces: tuple[Piece, ...], entry: T, fold: bool) -> None:
    """Put a name with wildcards where it is cheapest to look up."""
    kinds = tuple(kind for kind, _ in pieces)
    if kinds == ("text", "any"):
        table.begins(pieces[0][1], entry)
    elif kinds == ("any", "text"):
        table.ends(pieces[1][1], entry)
    else:
        table.searched(rf"(?s)^(?:{name_expression(pieces, fold)})\z", entry)


class GlobTable(Generic[T]):
    """Expanded globs and what each stands for. Fill it, then ask `find()` for the function that answers."""

    def __init__(self, fold: bool = False) -> None:
        self._fold = fold
        self._separator = "\\" if fold else "/"
        self._count = 0
        self._root = self._node()

    def _node(self, loops: bool = False) -> _Node[T]:
        self._count += 1
        return _Node(self._count, loops)

    def add(self, glob: str, entry: T) -> None:
        """Add a glob without alternatives and without `~` (see `paths.expand`). Raises `GlobError`."""
        node = self._root
        *above, last = names(glob, self._fold)
        for name in above:
            node = self._below(node, name)
        if last is None:
            node.beneath.append(entry)
        elif last == (("any", ""),):
            node.last_any.append(entry)
        elif (text := literal(last)) is not None:
            node.last.setdefault(text, []).append(entry)
        else:
            node.last_some.setdefault(last, []).append(entry)

    def _below(self, node: _Node[T], name: Name) -> _Node[T]:
        if name is None:
            if node.deep is None:
                node.deep = self._node(loops=True)
            return node.deep
        if name == (("any", ""),):
            if node.down_any is None:
                node.down_any = self._node()
            return node.down_any
        text = literal(name)
        if text is not None:
            if text not in node.down:
                node.down[text] = self._node()
            return node.down[text]
        if name not in node.down_some:
            node.down_some[name] = self._node()
        return node.down_some[name]

    def find(self, kept: int = _MOST_KEPT) -> Find[T]:
        """The function that answers for one path. Do not fill the table afterwards."""
        among = self.find_among(kept)

        def find(path: str) -> Sequence[T]:
            return [entry for _, entries in among((path,)) for entry in entries]

        return find

    def find_among(self, kept: int = _MOST_KEPT) -> FindAmong[T]:
        """The function that answers for many paths; it remembers `kept` directories. Do not fill the table then."""
        walk = _walker(self._root, self._fold, kept)
        separator = self._separator
        directories: dict[str, _State[T] | None] = {}  # None: nothing in this directory can match
        get = directories.get
        unknown: _State[T] = _State((), (), self._fold)

        def learn(directory: str, between: str) -> _State[T] | None:
            walked = walk(directory if between else None)  # no separator: no name is read yet
            state = None if walked.plain == {} else walked
            if directory:  # "" is the directory of `/x`, and what is left of `x`
                if len(directories) >= kept:
                    directories.clear()
                directories[directory] = state
            return state

        def find_among(paths: Sequence[str]) -> Iterator[tuple[int, Sequence[T]]]:
            for at, path in enumerate(paths):
                directory, between, name = path.rpartition(separator)
                state = get(directory, unknown)
                if state is unknown:
                    state = learn(directory, between)
                if state is None:
                    continue
                plain = state.plain
                found = state.accepted(name) if plain is None else plain.get(name)
                if found:
                    yield at, found

        if not self._fold:
            return find_among
        return lambda paths: find_among([path.lower() for path in paths])


def _walker(root: _Node[T], fold: bool, kept: int) -> Callable[[str | None], _State[T]]:
    """A function from a directory (None: no name read yet) to its state."""
    states: dict[tuple[tuple[int, ...], tuple[int, ...]], _State[T]] = {}
    separator = "\\" if fold else "/"

    def state_of(nodes: dict[int, _Node[T]], beneath: dict[int, T]) -> _State[T]:
        key = (tuple(sorted(nodes)), tuple(sorted(beneath)))
        state = states.get(key)
        if state is None:
            state = _State(tuple(nodes[number] for number in key[0]), tuple(beneath[i] for i in key[1]), fold)
            if len(states) < kept:
                states[key] = state
        return state

    def enter(nodes: dict[int, _Node[T]], node: _Node[T] | None) -> None:
        while node is not None and node.number not in nodes:
            nodes[node.number] = node
            node = node.deep

    def step(state: _State[T], name: str) -> _State[T]:
        nodes: dict[int, _Node[T]] = {}
        beneath = {id(entry): entry for entry in state.below}
        for node in state.nodes:
            if node.loops:
                enter(nodes, node)
            enter(nodes, node.down.get(name))
            enter(nodes, node.down_any)
            beneath.update((id(entry), entry) for entry in node.beneath)
        if state.patterns is not None:
            for node in state.patterns(name):
                enter(nodes, node)
        return state_of(nodes, beneath)

    def advance(state: _State[T], name: str) -> _State[T]:
        if not state.knows(name):
            if state.other is None:
                state.other = step(state, name)
            return state.other
        following = step(state, name)
        if state.patterns is None and len(states) < kept:
            state.steps[name] = following
        return following

    first: dict[int, _Node[T]] = {}
    enter(first, root)
    start = state_of(first, {})

    def walk(directory: str | None) -> _State[T]:
        state = start
        if directory is None:
            return state
        for name in directory.split(separator):
            if state.quiet:
                break
            state = state.steps.get(name) or advance(state, name)
        return state

    return walk
