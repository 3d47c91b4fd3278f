"""Every hook is documented where a plugin developer looks, and what the documentation shows works."""

import inspect
import re
import textwrap
import types
from pathlib import Path

import pytest

import pratique
from pratique import hookspecs
from pratique.host import answers, implementing
from pratique.testing import conforms

DOCS = (Path(__file__).parents[1] / "docs" / "plugins.md").read_text()
HOOKS = sorted(implementing.hooks())

#: What the short examples in docstrings leave out: names any reader would understand.
LEFT_OUT = """
from pratique import *
from pratique import hookspecs
BLOCKED, SCRIPT = set(), "console.log('here')"

class TerminalSurface:
    def __init__(self, session): pass
    def screens(self): return []

class DirectoryTransport:
    def __init__(self, path): pass
    def publish(self, subject, body): pass
    def request(self, subject, body, timeout): pass
    def fetch(self, name, into): pass
    def watch(self, subject): pass

def beat(stop): pass
"""


def sections() -> dict[str, str]:
    """Heading -> text of each `## hook` section."""
    parts = re.split(r"^## (.+)$", DOCS.partition("\n# The hooks\n")[2], flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def module_of(source: str, name: str = "example") -> types.ModuleType:
    module = types.ModuleType(name)
    exec(compile(source, name, "exec"), module.__dict__)
    return module


def docstring_example(hook: str) -> str:
    doc = inspect.cleandoc(str(getattr(hookspecs.Hooks, hook).__doc__))
    return textwrap.dedent(doc.partition("Example::\n")[2].partition("\nBudget:")[0])


def test_there_are_hooks_to_speak_of():
    assert "observe" in HOOKS
    assert "remedies" in HOOKS


@pytest.mark.parametrize("hook", HOOKS)
def test_a_hooks_docstring_explains_shows_and_limits_it(hook):
    doc = getattr(hookspecs.Hooks, hook).__doc__ or ""
    first = doc.strip().splitlines()[0]
    assert first.endswith("."), "begins with a sentence"
    assert "Example::" in doc
    assert re.search(r"^\s*Budget: .+\.$", doc, re.MULTILINE)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_host_keeps_the_budget_the_docstring_and_the_manual_promise(hook):
    budget = answers.BUDGETS[hook]
    said = "none" if budget is None else f"{budget:g} s"
    assert f"Budget: {said}" in str(getattr(hookspecs.Hooks, hook).__doc__)
    assert f"Budget: {said}" in sections()[hook]


@pytest.mark.parametrize("hook", HOOKS)
def test_the_manual_has_a_section_with_the_hooks_arguments(hook):
    arguments = ", ".join(implementing.hooks()[hook])
    assert sections()[hook].lstrip().startswith(f"`{hook}({arguments}) -> ")


@pytest.mark.parametrize("hook", HOOKS)
def test_the_manual_says_which_hooks_nothing_asks_yet(hook):
    engine = Path(hookspecs.__file__).parent
    sources = "".join(path.read_text() for path in engine.rglob("*.py") if path.parent.name != "testing")
    asked = bool(re.search(rf'\b(call|implementations)\(\s*"{hook}"', sources))
    assert ("Not asked yet: comes with" in sections()[hook]) is not asked
    introduction = DOCS.partition("\n# The hooks\n")[2].partition("\n## ")[0]
    assert (f"`{hook}`" in introduction) is asked


def test_the_manual_has_no_section_for_a_hook_that_is_gone():
    assert set(sections()) == set(HOOKS)


@pytest.mark.parametrize("hook", HOOKS)
def test_the_docstrings_example_runs_and_behaves(hook):
    needed = LEFT_OUT
    if hook in ("observe",):  # the kinds it emits are the example of the hook before
        needed += docstring_example("event_kinds")
    module = module_of(needed + docstring_example(hook))
    assert hasattr(getattr(module, hook), "pratique_impl")
    assert conforms(module) == []


@pytest.mark.parametrize("hook", HOOKS)
def test_the_manuals_example_runs_and_behaves(hook):
    (source,) = re.findall(r"```python\n(.*?)```", sections()[hook], re.DOTALL)
    module = module_of(source)
    assert hasattr(getattr(module, hook), "pratique_impl")
    assert conforms(module) == []


def test_the_manuals_other_examples_run():
    sources = re.findall(r"```python\n(.*?)```", DOCS.partition("\n# The hooks\n")[0], re.DOTALL)
    assert len(sources) == 2
    assert conforms(module_of(sources[0])) == []
    module = module_of(sources[1])
    module.test_a_new_file_in_profile_d_is_seen()
    assert conforms(module.Shells()) == []


def test_the_names_plugins_need_are_in_the_top_module():
    for name in re.findall(r"^from pratique import (.+)$", DOCS, re.MULTILINE):
        for word in name.split(", "):
            assert getattr(pratique, word)
