"""What a policy says that nothing acts on yet: told by `check` and in the report, and handed to plugins as values."""

from __future__ import annotations

import json

import pytest
from plugin_folders import install

BLOCKS = """
untick { decline prompt asking re"toolbar"i }
reputation { unsigned weight 100; answer within 5s }
signatures yara "rules/*.yar" { weight 80; remedy quarantine }
distribute vaccines { center to site pull every 15m }
samples { send unknown; at most 50MiB }
spool { keep 2GiB, 30d; when full drop telemetry }
channel ops "mailto://ops@example.org"
alert { on undesirable to ops; at most 10 an hour }
"""
WORDS = ["untick", "reputation", "signatures", "distribute", "samples", "spool", "channel", "alert"]

PLUGIN = """
import json
import time
from pathlib import Path

from pratique import Event, EventKind, Field, Opinion, hookimpl


@hookimpl
def event_kinds():
    return [EventKind("policy.told", "What a plugin was handed", text=Field.text)]


@hookimpl
def reputation(subject, rules):
    time.sleep(1)
    return Opinion(by="a slow list", weight=rules.rules[0].weight, because=rules.rules[0].what)


@hookimpl
def observe(session):
    policy = session.policy
    yield Event("policy.told", text=json.dumps({
        "signatures": policy.signatures[0].weight,
        "samples": policy.samples.at_most,
        "spool": policy.spool.keep_seconds,
        "channel": policy.channels[0].url,
        "alert": policy.alerts.at_most_per_hour,
        "distribute": policy.distribution.routes[0].transfer.every,
        "untick": policy.plan.untick.decline[0].pattern,
        "plan": policy.plan == session.plan,
    }, sort_keys=True))
"""


@pytest.fixture
def ours(tmp_path):
    """A policy with every such block, and an action on what the plugin was told."""
    file = tmp_path / "ours.policy"
    file.write_text(f'policy ours {{ version "1" }}\n{BLOCKS}\naction told "Told" {{ on policy.told; weight 5 }}\n')
    return file


@pytest.fixture
def env(tmp_path):
    install(tmp_path / "plugins", "listening", {"listening.py": PLUGIN}, {"listening": "listening"})
    return {"PYTHONPATH": str(tmp_path / "plugins")}


def test_check_names_every_block_that_nothing_acts_on(pratique, ours, env):
    done = pratique("policy", "check", "--json", ours, env=env)
    assert done.code == 0, done.out
    found = [one for one in done.json["diagnostics"] if one["code"] == "P0411"]
    assert [one["message"].split('"')[1] for one in found] == WORDS
    assert {one["severity"] for one in found} == {"warning"}
    assert [one["where"]["line"] for one in found] == list(range(3, 11))


def test_a_plugin_is_handed_what_the_policy_says_as_typed_values(scene, ours, env):
    ran = scene.run("--refuse", "--json", "--policy", ours, scene.script("true"), env=env)
    assert ran.code == 11, ran.err
    told = json.loads(ran.json["actions"][0]["evidence"][0]["fields"]["text"])
    assert told == {
        "alert": 10, "channel": "mailto://ops@example.org", "distribute": 900.0, "plan": True, "samples": 50 << 20,
        "signatures": 80.0, "spool": 30 * 86400.0, "untick": "toolbar",
    }  # fmt: skip


def test_a_plugin_has_the_time_the_policy_gives_it_and_a_weight_is_told(scene, ours, env):
    ran = scene.run("--refuse", "--json", "--policy", ours, scene.script("true"), env=env)
    assert ran.json["subject"]["reasons"][-1] == "a slow list gives it a weight of 100, which is not added: unsigned"
    assert ran.json["verdict"]["total"] == 5.0
    assert f"the policy has {', '.join(WORDS)}, on which nothing here acts yet" in ran.json["notes"]
    assert not any("took longer" in note for note in ran.json["notes"])


def test_a_time_to_answer_in_is_heeded_and_not_warned_of(pratique, scene, tmp_path):
    file = tmp_path / "brief.policy"
    file.write_text('policy brief { version "1" }\nreputation { answer within 5s }\n')
    assert pratique("policy", "check", "--json", file).json["diagnostics"] == []
    ran = scene.run("--refuse", "--json", "--policy", file, scene.script("true"))
    assert not any("nothing here acts" in note for note in ran.json["notes"])
