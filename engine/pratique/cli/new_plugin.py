"""The folder `pratique plugins new` writes: a working detector, its test and what makes it installable."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from pathlib import Path
from string import Template
from typing import Final

from pratique.errors import UsageError

_PYPROJECT: Final = """\
[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "pratique-$name"
version = "0.1.0"
description = "A detector for Pratique"
requires-python = ">=3.11"
dependencies = ["pratique"]

# This line is all the registration there is: the plugin's name, and the module that holds its hooks.
[project.entry-points.pratique]
$name = "$module"

[tool.hatch.build.targets.wheel]
only-include = ["$module.py"]
"""

_MODULE: Final = '''\
"""$title: an installer that changes files below /opt/example."""

from pratique import Event, EventKind, Field, hookimpl


@hookimpl
def event_kinds():
    return [EventKind("$kind.change", "A file below /opt/example changed", path=Field.path, how=Field.text)]


@hookimpl
def observe(session):
    for effect in session.effects(type="file", under="/opt/example"):
        yield Event(
            "$kind.change",
            path=effect.path,
            how=effect.op,
            process=effect.process,
            component=effect.component,
            effect=effect.id,
        )
'''

_TEST: Final = """\
import $module
from pratique.testing import FakeSession, conformance, record

test_conformance = conformance("$module")


def test_a_file_put_below_opt_example_is_seen():
    session = FakeSession(effects=["/opt/example/tool", "/usr/share/doc/tool/readme"])
    (event,) = record($module, session)
    assert event.kind == "$kind.change"
    assert event.fields == {"path": "/opt/example/tool", "how": "add"}
"""

_README: Final = """\
# pratique-$name

    pip install -e . pytest
    python -m pytest
    pratique plugins

A policy can then say:

    action $name "Changes files below /opt/example" {
        category clutter
        on $kind.change where how = "modify"
        weight 20
        remedy revert
    }
"""


def write(name: str, into: Path) -> Path:
    """Make the folder `into/pratique-NAME`. Raises `UsageError` for an unfit name, or a folder that is there."""
    module = f"pratique_{name.replace('-', '_')}"
    kind = name.replace("-", "_")
    if not re.fullmatch("[a-z][a-z0-9]*(-[a-z0-9]+)*", name) or keyword.iskeyword(name):
        raise UsageError(f"{name!r} cannot name a plugin", hint="lower-case letters, digits and -, such as: font-watch")
    if module in sys.stdlib_module_names or _is_taken(module):
        raise UsageError(f"there is a module called {module} already", hint="choose another name")
    if (owner := _owner(name)) and owner != f"pratique-{name}":
        raise UsageError(
            f"a plugin called {name} is installed already, by {owner}: a second one would not be loaded",
            hint="choose another name; `pratique plugins` lists those that are taken",
        )
    if not into.is_dir():
        hint = f"make it (mkdir -p {shlex.quote(str(into))}), or choose another --into"
        raise UsageError(f"there is no directory {into}", hint=hint)
    folder = into / f"pratique-{name}"
    words = {"name": name, "module": module, "kind": kind, "title": name.replace("-", " ").capitalize()}
    files = {
        "pyproject.toml": _PYPROJECT, f"{module}.py": _MODULE, f"test_{module}.py": _TEST, "README.md": _README,
    }  # fmt: skip
    try:
        folder.mkdir()
        for file, text in files.items():
            (folder / file).write_text(Template(text).substitute(words), encoding="utf-8")
    except FileExistsError:
        raise UsageError(f"{folder} is there already", hint="choose another name or another --into") from None
    except OSError as error:
        raise UsageError(f"{folder} cannot be made: {error.strerror}", hint="choose another --into") from None
    return folder


def _owner(plugin: str) -> str:
    """The distribution that registers a plugin of that name; "" when none does."""
    from pratique.host.installed import entries

    return next((entry.distribution.name for entry in entries() if entry.name == plugin), "")


def _is_taken(module: str) -> bool:
    from importlib.util import find_spec

    return find_spec(module) is not None
