"""Plugins that misbehave: the session goes on without them, and the report and `pratique plugins` tell of it."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable
from typing import Any

import pexpect
import pytest
from plugin_folders import install

from pratique.warden import GRACE

pytestmark = pytest.mark.root

EVIL = "echo evil >> ~/.bashrc; touch ~/new"
#: hook -> its arguments; those a run asks.
HOOKS = {
    "event_kinds": "", "identify": "path", "launch": "subject", "reputation": "subject", "remedies": "",
    "observe": "session",
}  # fmt: skip


@pytest.fixture
def plugin(tmp_path) -> Callable[..., dict[str, str]]:
    """`plugin(source)`: the environment in which a plugin `bad` of that source is installed."""

    def put(source: str, *, name: str = "bad", distribution: str = "bad-plugin") -> dict[str, str]:
        place = tmp_path / "site" / distribution
        module = distribution.replace("-", "_") + "_module"
        install(place, distribution, {f"{module}.py": source}, {name: module})
        earlier = os.environ.get("PYTHONPATH", "")
        return {"PYTHONPATH": f"{place}:{earlier}".rstrip(":")}

    return put


def every_hook(body: str) -> str:
    """A plugin that does this in each hook of a run."""
    hooks = "".join(f"@hookimpl\ndef {hook}({arguments}):\n    {body}\n\n" for hook, arguments in HOOKS.items())
    return f"import os, sys, time\nfrom pratique import hookimpl\n\n{hooks}"


def told(report: dict[str, Any]) -> dict[str, str]:
    """hook -> what the report says of the plugin `bad` in it."""
    notes = [note.removeprefix("plugin bad failed in ") for note in report["notes"] if note.startswith("plugin bad ")]
    out = dict(note.split(": ", 1) for note in notes)
    observers = {one["name"]: one for one in report["observers"]}
    if "bad" in observers and observers["bad"]["state"] != "ok":
        out["observe"] = observers["bad"]["error"]
    return out


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("raise RuntimeError('I am broken')", "RuntimeError: I am broken"),
        ("sys.exit(3)", "SystemExit: 3"),
        ("raise KeyboardInterrupt", "KeyboardInterrupt"),
        ("return 42", "found int"),
        ("return 'nonsense'", "found str"),
        ("return [None, 42]", "expected"),
    ],
)
def test_one_that_fails_in_every_hook_is_passed_over(scene, plugin, body, says):
    env = plugin(every_hook(body))
    ran = scene.run("--without", "--json", scene.script(EVIL), env=env)
    assert ran.code == 0, ran.err
    assert "Traceback" not in ran.err
    failures = told(ran.json)
    assert set(failures) == set(HOOKS)
    assert all(says in failure for failure in failures.values()), failures
    assert [action["name"] for action in ran.json["actions"]] == ["shell-startup"]
    assert (scene.home / ".bashrc").read_text() == "# mine\n"
    assert (scene.home / "new").exists()
    assert (
        scene._pratique("history", "--json", ran.json["id"], env=scene.environment).json["notes"] == ran.json["notes"]
    )


def test_people_are_told_too(scene, plugin):
    ran = scene.run("--refuse", scene.script(EVIL), env=plugin(every_hook("raise RuntimeError('I am broken')")))
    assert "plugin bad failed in identify: RuntimeError: I am broken" in ran.out
    assert "observer bad failed: RuntimeError: I am broken" in ran.out


def test_what_one_saw_before_it_failed_counts(scene, plugin, tmp_path):
    env = plugin(
        "from pratique import Event, EventKind, Field, hookimpl\n\n"
        "@hookimpl\ndef event_kinds():\n    return [EventKind('bad.seen', 'Seen', path=Field.path)]\n\n"
        "@hookimpl\ndef observe(session):\n"
        "    yield Event('bad.seen', path='/x')\n    yield Event('bad.seen', path=7)\n"
        "    yield Event('file.delete', path='/etc/passwd')\n    yield 'nonsense'\n    raise ValueError('no more')\n"
    )
    policy = tmp_path / "ours.policy"
    policy.write_text('policy ours { version "1" }\naction seen "Seen" { on bad.seen; weight 30 }\n')
    ran = scene.run("--json", "--policy", policy, scene.script("true"), env=env)
    assert ran.code == 0, ran.err
    [bad] = [one for one in ran.json["observers"] if one["name"] == "bad"]
    assert (bad["state"], bad["events"]) == ("failed", 1)
    for said in ("ValueError: no more", "path is a path, found int", "'file.delete' is not among those"):
        assert said in bad["error"]
    assert ran.json["verdict"]["total"] == 30.0


@pytest.mark.parametrize("fields", ["", "outcome='denied'", "outcome='pretended'"])
def test_events_of_any_kind_may_lack_their_fields(scene, plugin, tmp_path, fields):
    env = plugin(
        "from pratique import Event, hookimpl\nfrom pratique.events import STANDARD_KINDS\n\n"
        "@hookimpl\ndef event_kinds():\n    return list(STANDARD_KINDS)\n\n"
        "@hookimpl\ndef observe(session):\n    for kind in STANDARD_KINDS:\n"
        f"        if {bool(fields)} <= ('outcome' in kind.fields):\n            yield Event(kind.name, {fields})\n"
        "    yield Event('net.listen', address='192.0.2.7')\n"
    )
    ran = scene.run("--refuse", "--json", "--record", tmp_path / "x.rec", scene.script(EVIL), env=env)
    assert ran.code == 10, ran.err
    [bad] = [one for one in ran.json["observers"] if one["name"] == "bad"]
    assert (bad["state"], bad["error"]) == ("ok", "")
    assert "waited to be connected to, at 192.0.2.7" in ran.json["notes"]
    assert scene.pratique("show", "--details", ran.json["id"]).code == 0
    assert scene.pratique("replay", tmp_path / "x.rec").code == 10


@pytest.mark.alone
@pytest.mark.parametrize(
    ("hook", "budget"),
    [
        ("reputation", 0.2),
        ("remedies", 1),
        pytest.param("launch", 5, marks=pytest.mark.proof),
        pytest.param("identify", 10, marks=pytest.mark.proof),
    ],
)
def test_one_that_hangs_is_left_behind(scene, plugin, hook, budget):
    source = (
        f"import time\nfrom pratique import hookimpl\n\n@hookimpl\ndef {hook}({HOOKS[hook]}):\n    time.sleep(1000)\n"
    )
    began = time.monotonic()
    ran = scene.run("--without", "--json", scene.script(EVIL), env=plugin(source))
    assert ran.code == 0, ran.err
    assert time.monotonic() - began < budget + 8
    assert told(ran.json) == {hook: f"took longer than {budget:g} s"}
    assert scene.sessions() == []


@pytest.mark.alone
@pytest.mark.proof
def test_an_observer_that_hangs_is_left_behind(scene, plugin):
    source = (
        "import time\nfrom pratique import hookimpl\n\n"
        "@hookimpl\ndef observe(session):\n    time.sleep(1000)\n    yield\n"
    )
    began = time.monotonic()
    ran = scene.run("--json", "--refuse", scene.script(EVIL), env=plugin(source))
    assert ran.code == 10, ran.err
    assert time.monotonic() - began < 45
    [bad] = [one for one in ran.json["observers"] if one["name"] == "bad"]
    assert bad["state"] == "overran"
    assert scene.left() == []


@pytest.mark.parametrize(
    ("source", "says"),
    [
        ("import no_such_module", "No module named 'no_such_module'"),
        ("def broken(:", "SyntaxError"),
        ("raise SystemExit(0)", "SystemExit: 0"),
        ("from pratique import hookimpl\n\n@hookimpl\ndef observ(session):\n    pass\n", "observ"),
        ("from pratique import hookimpl\n\n@hookimpl\ndef observe(sesion):\n    pass\n", "sesion"),
    ],
)
def test_one_that_cannot_be_loaded_is_told(scene, plugin, source, says):
    env = plugin(source)
    ran = scene.run("--refuse", "--json", scene.script("true"), env=env)
    assert ran.code == 11, ran.err
    assert any("plugin bad failed in" in note and says in note for note in ran.json["notes"]), ran.json["notes"]
    listed = scene._pratique("plugins", "--json", env={**scene.environment, **env})
    assert listed.code == 0
    [status] = [one for one in listed.json["plugins"] if one["name"] == "bad"]
    assert (status["state"], says in status["why"]) == ("failed", True)


def test_the_name_of_a_shipped_plugin_cannot_be_taken(scene, plugin):
    env = plugin(
        "from pratique import hookimpl\n\n@hookimpl\ndef observe(session):\n    return iter(())\n", name="effects"
    )
    ran = scene.run("--refuse", "--json", scene.script(EVIL), env=env)
    assert ran.code == 10, "ours still sees what happens"
    assert any("effects" in note and "is not loaded" in note for note in ran.json["notes"])


def test_what_plugins_print_is_not_in_the_document(scene, plugin):
    body = "print('noise'); os.write(1, b'noise\\n'); os.system('echo noise')"
    env = plugin("print('noise')\n" + every_hook(body))
    ran = scene.run("--refuse", "--json", scene.script("echo words"), env=env)
    assert ran.code == 11, ran.err
    assert ran.json["ended"] == "completed"
    assert "noise" not in ran.out
    assert ran.err.count("noise") >= 3
    listed = scene._pratique("plugins", "--json", env={**scene.environment, **env})
    assert "noise" not in listed.out
    assert listed.json["plugins"]


@pytest.mark.parametrize(
    ("apply", "told"),
    [
        ("raise RuntimeError('no')", True),
        ("return 42", True),
        ("return RemedyOutcome(outcome='undone')", True),
        ("import time; time.sleep(1000)", True),
        ("return RemedyOutcome(outcome='reverted')", False),
        ("return RemedyOutcome(outcome='reverted', effects=frozenset(range(9999)) - {e.id for e in effects})", False),
    ],
)
def test_a_remedy_that_fails_or_lies_takes_nothing_off_the_score(scene, plugin, refused, apply, told):
    source = (
        "from pratique import RemedyOutcome, hookimpl\n\nclass Bad:\n    name = 'revert'\n"
        f"    def apply(self, recording, effects):\n        {apply}\n\n@hookimpl\ndef remedies():\n    return [Bad()]\n"
    )
    ran = refused(10, "--without", "--json", scene.script(EVIL), env=plugin(source))
    assert ran.json["without"] == {"total": 100.0, "offered": False}
    assert any("plugin bad failed in remedies" in note for note in ran.json["notes"]) is told
    shown = scene.run("--install", "--json", scene.script(EVIL), env=plugin(source))
    assert shown.code == 0, "the person may still have it as it is"


@pytest.mark.parametrize("answer", ["raise RuntimeError('no')", "return 42", "return Answer(choice='everything')"])
def test_one_that_fails_to_ask_is_passed_over(scene, plugin, answer):
    env = plugin(f"from pratique import Answer, hookimpl\n\n@hookimpl\ndef ask(question):\n    {answer}\n")
    child = pexpect.spawn(
        sys.executable, ["-m", "pratique.cli.main", "run", str(scene.script(EVIL))], timeout=20, encoding="utf-8",
        env={**os.environ, **scene.environment, **env},  # type: ignore[arg-type]
    )  # fmt: skip
    found = child.expect_exact(["> ", "which was no choice"])
    if found == 0:
        child.send("r")
    child.expect(pexpect.EOF)
    child.wait()
    assert child.exitstatus == 10
    assert scene.left() == []


def test_one_that_ends_our_process_commits_nothing(scene, plugin):
    """A plugin runs in our process, and may end it: nobody can prevent that. What must hold is the host."""
    source = (
        "import os, time\nfrom pratique import hookimpl\n\n"
        "@hookimpl\ndef observe(session):\n    time.sleep(0.5)\n    os.kill(os.getpid(), 9)\n    yield\n"
    )
    ran = scene.run("--install", scene.script("touch ~/new; sleep 30"), env=plugin(source))
    assert ran.code == -9
    assert not (scene.home / "new").exists()
    assert scene.run("--refuse", scene.script("true", name="next.sh")).code == 11
    assert scene.left() == []


@pytest.mark.parametrize("hook", ["identify", "observe"])
def test_one_that_calls_exit_fails_and_does_not_say_that_it_was_installed(scene, plugin, hook):
    source = f"import os\nfrom pratique import hookimpl\n\n@hookimpl\ndef {hook}({HOOKS[hook]}):\n    os._exit(0)\n"
    ran = scene.run("--refuse", "--json", scene.script("touch ~/new"), env=plugin(source))
    assert ran.code == 11
    assert "os._exit(0) would end pratique" in told(ran.json)[hook]
    assert scene.left() == []


#: Holds the interpreter's lock for years.
HOLDS = "import re\nfrom pratique import hookimpl\n\n@hookimpl\ndef {}({}):\n    {}re.match('(a+)+$', 'a' * 60 + 'b')\n"


@pytest.mark.alone
@pytest.mark.parametrize(
    ("hook", "more", "budget"), [("reputation", "", 0), ("observe", "yield; ", 0), ("identify", "", 10)]
)
def test_one_that_lets_nothing_else_run_is_named_and_ends_the_session(scene, plugin, hook, more, budget):
    began = time.monotonic()
    ran = scene.run("--install", scene.script("touch ~/new"), env=plugin(HOLDS.format(hook, HOOKS[hook], more)))
    assert ran.code == -9
    assert re.search(rf"pratique: {hook} of .*bad.* does not come back, and lets nothing else run", ran.err)
    assert budget + GRACE <= time.monotonic() - began < budget + GRACE + 8
    assert not (scene.home / "new").exists()
    assert scene.run("--refuse", scene.script("true", name="next.sh")).code == 11
    assert scene.left() == []


def test_one_that_is_disabled_does_nothing(scene, plugin):
    ran = scene.run(
        "--refuse", "--json", "--disable", "bad", scene.script("true"), env=plugin(every_hook("raise ValueError"))
    )
    assert ran.code == 11
    assert told(ran.json) == {}
    assert ran.json["notes"] == []


def test_without_any_detector_the_verdict_is_of_nothing_and_the_report_shows_who_watched(scene):
    watching = ("effects", "frida", "hidden", "network", "syscalls")
    off = [word for name in watching for word in ("--disable", name)]
    ran = scene.run("--refuse", "--json", *off, scene.script(EVIL))
    assert ran.code == 11
    assert ran.json["observers"] == []
    assert str(scene.home / ".bashrc") in {effect["path"] for effect in ran.json["effects"]}


def test_without_its_launcher_a_program_is_not_run(scene, refused):
    ran = refused(2, "--disable", "script", scene.script("echo it ran"), said="pratique run -- sh")
    assert "it ran" not in ran.out
    refused(4, "--disable", "command", "--", "sh", scene.script("echo it ran"), said="no plugin knows how to run")
