"""What a recording must not hold: the contents of private files, and secrets on command lines.

That a private file was touched stays, its name with it: this is what findings are made of. Its lines, its attributes
and the hash that would betray a short secret go. On command lines the values of options, variables and headers whose
name says that they are secret are put out of sight, and passwords within addresses.
"""

from __future__ import annotations

from typing import Final

import msgspec
import re2

from pratique.events import Event, FieldValue
from pratique.policy.match import predicate
from pratique.policy.model import Globs
from pratique.recording.values import Effect, FileState, Process, Recording

#: What stands where something was left out.
LEFT_OUT: Final = "[left out]"

#: Fields that hold what was in a file, and those that hold a command line.
_CONTENTS: Final = ("added", "removed", "value")
_COMMANDS: Final = ("arguments", "command")

_WORD: Final = r"(?:password|passwd|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credentials?)"
_VALUE: Final = r"""(?:'[^']*'|"[^"]*"|[^\s\x00'"]+)"""
#: The beginning stays, the value that follows goes.
_SECRETS: Final = re2.compile(
    r"(?i)(--?[\w-]*" + _WORD + r"[\w-]*(?:=|[\s\x00]+)|\b\w*" + _WORD + r"\w*=|authorization:\s*(?:\w+\s+)?)" + _VALUE
)
_IN_ADDRESSES: Final = re2.compile(r"(://[^/\s:@\x00]*:)[^/\s@\x00]+@")


def without_secrets(text: str) -> str:
    """
    >>> without_secrets("curl -u ann --api-key=12ab https://ann:pw@example.com/ TOKEN=x ls")
    'curl -u ann --api-key=[left out] https://ann:[left out]@example.com/ TOKEN=[left out] ls'
    """
    if not text.isascii():  # a name that is not UTF-8 is no text to search in: take its bytes for letters
        return _masked(text.encode("utf-8", "surrogateescape").decode("latin-1")).encode("latin-1").decode(
            "utf-8", "surrogateescape"
        )  # fmt: skip
    return _masked(text)


def _masked(text: str) -> str:
    if "=" not in text and "-" not in text and ":" not in text:  # most command lines
        return text
    text = _SECRETS.sub(rf"\1{LEFT_OUT}", text)
    return str(_IN_ADDRESSES.sub(rf"\1{LEFT_OUT}@", text))


def _words(words: tuple[str, ...]) -> tuple[str, ...]:
    """The same of a command line that is in words: the value may be the next one."""
    text = "\0".join(words)
    masked = without_secrets(text)
    return words if masked == text else tuple(masked.split("\0"))


class Discretion:
    """Decides of one recording's parts what to leave out. `globs` are those of `record without`."""

    def __init__(self, recording: Recording, globs: tuple[str, ...]) -> None:
        self._globs = globs
        self._private = predicate(Globs("path", globs), recording.home) if globs else None
        #: A private file may be told of by another of its names: what belongs to one effect is left out together.
        self._effects = {effect.id for effect in recording.effects if self._is_private({"path": effect.path})}
        if self._private is not None:
            for event in recording.events:
                if event.effect is not None and event.effect not in self._effects and self._is_private(event.fields):
                    self._effects.add(event.effect)

    def recording(self, recording: Recording) -> Recording:
        """The recording's parts; its events are asked for one by one."""
        return msgspec.structs.replace(
            recording,
            subject=msgspec.structs.replace(recording.subject, command=_words(recording.subject.command)),
            processes=tuple(self._process(process) for process in recording.processes),
            effects=tuple(self._effect(effect) for effect in recording.effects),
            left_out=self._globs,
        )

    def event(self, event: Event) -> Event:
        """The event itself when there is nothing to leave out."""
        fields = event.fields
        new: dict[str, FieldValue] = {}
        if any(fields.get(name) for name in _CONTENTS) and (event.effect in self._effects or self._is_private(fields)):
            new = {name: "" for name in _CONTENTS if fields.get(name)}
        for name in _COMMANDS:
            text = fields.get(name)
            if isinstance(text, str) and (masked := without_secrets(text)) != text:
                new[name] = masked
        if not new:
            return event
        out = Event(
            event.kind, time=event.time, process=event.process, observer=event.observer, seq=event.seq,
            component=event.component, effect=event.effect,
        )  # fmt: skip
        out.fields = {**fields, **new}
        return out

    def _process(self, process: Process) -> Process:
        words = _words(process.arguments)
        return process if words is process.arguments else msgspec.structs.replace(process, arguments=words)

    def _effect(self, effect: Effect) -> Effect:
        of_file = {share.file for share in effect.shares} if effect.type == "lines" else {effect.id}
        if self._effects.isdisjoint({effect.id, *of_file}):
            return effect
        details = {name: value for name, value in effect.details.items() if not name.startswith("xattr:")}
        if effect.type == "lines":
            details |= dict.fromkeys(("added", "removed"), "")
        return msgspec.structs.replace(
            effect, before=_unhashed(effect.before), after=_unhashed(effect.after), details=details
        )

    def _is_private(self, fields: dict[str, FieldValue]) -> bool:
        return self._private is not None and self._private(fields)


def _unhashed(state: FileState | None) -> FileState | None:
    return msgspec.structs.replace(state, sha256="") if state is not None and state.sha256 else state
