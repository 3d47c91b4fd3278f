"""Where policies are looked for by name: given directories, the settings, and what is shipped, in this order."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

from pratique import places, resources
from pratique.policies.reading import as_far_as_it_goes, files_below, read, shown
from pratique.policy.diagnostics import Diagnostic

if TYPE_CHECKING:
    from pratique.policy.scope import Source

_BELONGS: Final = re.compile(r"^[ \t]*(policy|part[ \t]+of)[ \t]+([A-Za-z_][\w.-]*)", re.MULTILINE | re.ASCII)


def search_path(directories: Iterable[Path] = ()) -> tuple[Path, ...]:
    """The directories in which a policy is looked for by name, the nearest first."""
    every = (*directories, places.config() / "policies", resources.directory("rules"))
    return tuple(dict.fromkeys(path.absolute() for path in every))


class Library:
    """The policies of a search path. Each file is read and parsed once, and only when it is asked for.

    All files of one policy come from one directory of the path, the first that has its header: the site's `baseline`
    and the shipped one are never mixed. Directories are searched with what is below them, but for those in `flat`.
    A header in one of the `named` files counts alone: other files that have a header of the same name, older versions
    or copies, do not belong to the policy.
    """

    def __init__(
        self, directories: Sequence[Path], *, flat: Collection[Path] = (), named: Collection[Path] = ()
    ) -> None:
        self.directories = tuple(directories)
        self._flat = frozenset(flat)
        self._named = frozenset(named)
        self.texts: dict[Path, str] = {}
        self.faults: dict[Path, Diagnostic] = {}
        self._sources: dict[Path, Source] = {}
        self._headers: list[tuple[set[str], dict[str, list[Path]]]] | None = None

    def text(self, path: Path) -> str | None:
        """The text of a file; None, and the reason in `faults`, when it cannot be read."""
        if path not in self.texts and path not in self.faults:
            content = read(path)
            if isinstance(content, str):
                self.texts[path] = content
            else:
                self.faults[path] = content
        return self.texts.get(path)

    def sources(self, paths: Iterable[Path]) -> list[Source]:
        """These files, parsed; those that cannot be read are left out."""
        from pratique.policies.parsing import Text, parse_all

        wanted = [path for path in paths if self.text(path) is not None]
        fresh = [path for path in wanted if path not in self._sources]
        parsed = parse_all([Text(shown(path), self.texts[path]) for path in fresh])
        self._sources |= dict(zip(fresh, parsed, strict=True))
        return [self._sources[path] for path in wanted]

    def _index(self) -> list[tuple[set[str], dict[str, list[Path]]]]:
        """For each directory: the policies that have a header in it, and the files of each policy."""
        if self._headers is None:
            self._headers = []
            chosen = {belongs[2] for path in self._named if (belongs := self._belongs(path)) and belongs[1] == "policy"}
            for directory in self.directories:
                headers: set[str] = set()
                files: dict[str, list[Path]] = {}
                for path in self._files_in(directory):
                    belongs = self._belongs(path)
                    if belongs is not None:
                        if belongs[1] == "policy" and belongs[2] in chosen and path not in self._named:
                            continue
                        files.setdefault(belongs[2], []).append(path)
                        if belongs[1] == "policy":
                            headers.add(belongs[2])
                self._headers.append((headers, files))
        return self._headers

    def _belongs(self, path: Path) -> re.Match[str] | None:
        return _BELONGS.search(self.text(path) or "")

    def owner(self, path: Path) -> str:
        """The policy that a file which cannot be read as one says it belongs to; "" when it says nothing."""
        belongs = _BELONGS.search(as_far_as_it_goes(path))
        return belongs[2] if belongs else ""

    def has_header(self, path: Path) -> bool:
        """Whether this file, as far as it can be read, has the header of its policy."""
        belongs = _BELONGS.search(as_far_as_it_goes(path))
        return belongs is not None and belongs[1] == "policy"

    def _files_in(self, directory: Path) -> list[Path]:
        found = files_below(directory, deep=directory not in self._flat)
        return [*found, *sorted(path for path in self._named if path.parent == directory and path not in found)]

    def files(self, name: str) -> list[Path]:
        """The files of the policy of that name; none when no directory has its header."""
        return next((files[name] for headers, files in self._index() if name in headers), [])

    def find(self, name: str) -> list[Source]:
        """The policy of that name, parsed."""
        return self.sources(self.files(name))

    def names(self, directory: Path | None = None) -> list[str]:
        """The policies that there are, or that there are in one directory of the path."""
        index = zip(self.directories, self._index(), strict=True)
        return sorted({name for where, (headers, _) in index for name in headers if directory in (None, where)})

    def everything(self) -> list[Path]:
        """Every file of the search path: all that a policy could be made of."""
        return [path for directory in self.directories for path in self._files_in(directory)]

    def shown_texts(self) -> dict[str, str]:
        """The texts by the name people are shown, for rendering."""
        return {shown(path): text for path, text in self.texts.items() if path in self._sources}
