"""Changing one key in the text of a role file: that key's characters are replaced, all others stay as they are.

ruamel.yaml tells where each value stands; writing its whole document anew would keep the comments too, but lay out
lists and blocks its own way. The outcome is read again and compared with what was meant.
"""

from __future__ import annotations

import copy
import io
from typing import Any

from ruamel.yaml.comments import CommentedMap
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from pratique.errors import HostFileError, UsageError
from pratique.rolefile.reading import load, yaml


def edited(text: str, key: str, value: str | None, name: str) -> str:
    """`text` with `key` (dots lead into blocks) set to `value` as YAML; None takes it out.

    Raises `UsageError` for a key or value that cannot be, `HostFileError` when `text` is not plain YAML.
    """
    words = key.split(".")
    if not all(words):
        raise UsageError(f"{key!r} is no key; write it like plugins.disable")
    meant = copy.deepcopy(load(text, name))
    new = None if value is None else _value(value)
    _apply(meant, words, new, remove=value is None)
    if text and not text.endswith("\n"):
        text += "\n"
    root = yaml().compose(text)
    if not isinstance(root, MappingNode):  # nothing but comments
        changed = text if value is None else text + f"{words[0]}: {flow(_nested(words[1:], new))}\n"
    else:
        changed = _changed(text, root, words, new, remove=value is None)
    if load(changed, name) != meant:
        raise HostFileError(f"{name}: {key} cannot be changed in place", hint="change it with an editor")
    return changed


def _value(text: str) -> Any:
    try:
        return load(f"value: {text}\n" if "\n" not in text else text, "the value")["value"]
    except HostFileError:
        pass
    try:
        return yaml().load(text)
    except (YAMLError, ValueError, RecursionError) as error:
        what = " ".join(str(getattr(error, "problem", None) or error).split())
        hint = "text with special characters goes in quotes, inside the shell's own: '\"...\"'"
        raise UsageError(f"{text!r} is not a YAML value: {what}", hint=hint) from None


def _apply(document: CommentedMap, words: list[str], value: Any, *, remove: bool) -> None:
    block = document
    for depth, word in enumerate(words[:-1], 1):
        if block.get(word) is None:
            if remove:
                return
            block[word] = CommentedMap()
        block = block[word]
        if not isinstance(block, CommentedMap):
            raise UsageError(f"{'.'.join(words[:depth])} is not a block of keys, so it has no key {words[depth]!r}")
    if remove:
        block.pop(words[-1], None)
    else:
        block[words[-1]] = value


def _nested(words: list[str], value: Any) -> Any:
    return value if not words else {words[0]: _nested(words[1:], value)}


def flow(value: Any) -> str:
    """The value on one line, so that it fits anywhere."""
    dialect = yaml()
    dialect.default_flow_style = True
    out = io.StringIO()
    dialect.dump({"x": _flowing(value)}, out)
    return out.getvalue().strip()[len("{x: ") : -1]


def _flowing(value: Any) -> Any:
    """A copy without the layout the value was read with."""
    if isinstance(value, dict):
        return {key: _flowing(item) for key, item in value.items()}
    return [_flowing(item) for item in value] if isinstance(value, list) else value


def _changed(text: str, block: Any, words: list[str], value: Any, *, remove: bool) -> str:
    pair = next((pair for pair in block.value if pair[0].value == words[0]), None)
    if pair is None:
        return text if remove else _inserted(text, block, words, value)
    key, old = pair
    if len(words) > 1:
        if isinstance(old, MappingNode):
            return _changed(text, old, words[1:], value, remove=remove)
        return text if remove else _replaced(text, key, old, flow(_nested(words[1:], value)))
    return _removed(text, block, key, old) if remove else _replaced(text, key, old, flow(value))


def _replaced(text: str, key: Node, old: Node, new: str) -> str:
    end = _end(text, old)
    if _is_block(old) or not _text(text, old, end):
        # The value begins below, or is not there: the new one goes behind the colon, before a comment on that line.
        colon = text.index(":", key.end_mark.index) + 1
        below = text[_line_end(text, colon) : _line_end(text, end)] if _is_block(old) else ""
        return text[:colon] + f" {new}" + text[colon:].replace(below, "", 1)
    return text[: old.start_mark.index] + new + text[end:]


def _inserted(text: str, block: Any, words: list[str], value: Any) -> str:
    new = f"{flow(words[0])}: {flow(_nested(words[1:], value))}"
    if block.flow_style or not block.value:
        opening, close = int(block.start_mark.index) + 1, int(block.end_mark.index) - 1
        inside = text[opening:close].rstrip()
        joint = ", " if inside and not inside.endswith(",") else ""
        return text[:opening] + inside + joint + new + text[close:]
    last = _line_end(text, _end(text, block))
    column: int = block.value[0][0].start_mark.column
    return text[:last] + "\n" + " " * column + new + text[last:]


def _removed(text: str, block: MappingNode, key: Node, old: Node) -> str:
    if block.flow_style:
        rest = [(name, value) for name, value in block.value if name is not key]
        parts = [text[name.start_mark.index : _end(text, value)] for name, value in rest]
        return text[: block.start_mark.index + 1] + ", ".join(parts) + text[block.end_mark.index - 1 :]
    start, end = key.start_mark.index, _line_end(text, _end(text, old))
    if len(block.value) == 1 and block.start_mark.column:
        return text[:start] + "{}" + text[end:]  # a block that lost its last key is an empty one
    return text[: text.rfind("\n", 0, start) + 1] + text[end + 1 :]


def _is_block(node: Node) -> bool:
    return isinstance(node, MappingNode | SequenceNode) and not node.flow_style


def _end(text: str, node: Any) -> int:
    """Where the value's last character stands; a block's end mark lies behind the comments that follow it."""
    if not _is_block(node):
        start, end = int(node.start_mark.index), int(node.end_mark.index)
        return start + len(text[start:end].rstrip())
    last = node.value[-1]
    if isinstance(last, tuple):
        name, value = last
        empty = isinstance(value, ScalarNode) and value.start_mark.index == value.end_mark.index
        return text.index(":", name.end_mark.index) + 1 if empty else _end(text, value)
    return _end(text, last)


def _text(text: str, node: Node, end: int) -> str:
    return text[node.start_mark.index : end].strip()


def _line_end(text: str, at: int) -> int:
    found = text.find("\n", at)
    return len(text) if found < 0 else found
