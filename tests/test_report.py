"""The one document: its schema, its totals, and what it says of each effect."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema

from pratique import report as reporting
from pratique.events import Event
from pratique.policy.model import Decide, Location, Method, Policy
from pratique.policy.score import Finding, judge
from pratique.recording import Component, Effect, Recording
from pratique.report import DecisionPart, Treatment, WithoutPart
from pratique.subject import Signer, Subject

SCHEMA = Path(__file__).parents[1] / "docs" / "report.schema.json"


def example(path: str = "/root/.bashrc") -> reporting.Report:
    subject = Subject(path="/tmp/x.run", name="x", kind="makeself", signer=Signer(name="A", valid=True))
    recording = Recording(
        id="7f3a", subject=subject, home="/root", components=(Component(name="x"),),
        events=(Event("file.write", seq=1, effect=0, path=path, added="x"),),
        effects=(Effect(id=0, type="file", op="modify", path=path, component="x"),
                 Effect(id=1, type="file", op="add", path="/opt/x", component="x")),
    )  # fmt: skip
    finding = Finding(
        action="shell-startup", title="Runs itself", category="autorun", weight=100, component="x", remedy="revert",
        evidence=(1,), where=Location("rules/autorun.policy", 3),
    )  # fmt: skip
    verdict = judge([finding], components=["x"], method=Method(), threshold=100, decide=Decide())
    return reporting.make(
        recording, Policy(name="baseline", version="1"), verdict,
        decision=DecisionPart(choice="without", source="flag"),
        treatments={0: Treatment(outcome="reverted", effects=frozenset({0}))}, belongs={0: "shell-startup"},
        kept=frozenset({1}), without=WithoutPart(total=0.0, offered=True),
    )  # fmt: skip


def test_the_schema_in_docs_is_the_one_of_the_code():
    assert SCHEMA.read_bytes() == reporting.schema(), "run `make docs`"


def test_a_report_is_valid_by_its_schema_and_has_the_fields_it_promises():
    document = json.loads(reporting.to_json(example()))
    jsonschema.validate(document, json.loads(SCHEMA.read_text()))
    assert document["schema"] == "pratique.report/1"
    assert document["verdict"] == {"class": "undesirable", "total": 100.0, "threshold": 100.0, "method": "sum"}
    (action,) = document["actions"]
    assert (action["outcome"], action["evidence"][0]["fields"]["path"]) == ("reverted", "/root/.bashrc")
    assert [(e["path"], e["action"], e["kept"]) for e in document["effects"]] == [
        ("/root/.bashrc", "shell-startup", False),
        ("/opt/x", None, True),
    ]
    assert document["components"][0]["decision"] == "without"


def test_a_name_that_is_not_utf8_does_not_break_the_document():
    document = json.loads(reporting.to_json(example("/root/\udcff.sh")))
    assert document["effects"][0]["path"] == "/root/\N{REPLACEMENT CHARACTER}.sh"
