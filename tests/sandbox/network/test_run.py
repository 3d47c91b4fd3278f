"""`pratique run` with an observed network: what the report says, and that nothing stays."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from pratique import recording

pytestmark = pytest.mark.root

POLICY = """policy trial "For the tests" {{ version "1.0.0" }}
sandbox {{ network observed to [{to}] }}
action talk "Talks to strangers" {{
    category privacy
    on net.connect where refused
    on net.resolve where refused and host ends with ".tunnel.example"
    weight 60
}}
"""


@pytest.fixture
def run(internet, tmp_path):
    """`run("script", "allowed.example")`: starts `pratique run` on the tests' own machine."""

    def start(script: str, *to: str) -> subprocess.Popen[str]:
        policy, installer = tmp_path / "trial.policy", tmp_path / "setup.sh"
        policy.write_text(POLICY.format(to=", ".join(f'"{one}"' for one in to)))
        installer.write_text(f"#!/bin/sh\n{script}\n")
        return subprocess.Popen(
            internet.command(sys.executable, "-m", "pratique.cli.main", "run", "--json", "--refuse", "--record",
                             tmp_path / "session.rec", "--policy", policy, installer),
            env={**internet.environment(), "PRATIQUE_STATE": str(tmp_path / "state"), "HTTP_PROXY": "http://proxy.house"},
            cwd=tmp_path, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip

    return start


def test_the_report_tells_what_was_reached_and_what_was_refused(run, tmp_path):
    out, err = run(
        "curl -sS http://allowed.example/\ncurl -sS http://93.184.216.35:8080/\ngetent hosts x.tunnel.example\n"
        "getent hosts nobody.allowed.example\necho proxy=$HTTP_PROXY",
        "allowed.example", "*.allowed.example",
    ).communicate(timeout=100)  # fmt: skip
    assert out, err
    report = json.loads(out)
    assert report["open"] == ["network: observed, to allowed.example, *.allowed.example"]
    assert "asked for, and not found: nobody.allowed.example" in report["notes"]
    assert any(note.startswith("over the network: 1 connection to allowed.example; ") for note in report["notes"])
    assert "not reached, by the network's rule: 93.184.216.35:8080, x.tunnel.example" in report["notes"]
    text = json.dumps(report["actions"])
    assert "93.184.216.35" in text
    assert "x.tunnel.example" in text
    assert "allowed.example /" in report["screens"][0]["text"]
    seen = recording.read(tmp_path / "session.rec")
    programs = {process.id: process.program for process in seen.processes}
    opened = [event for event in seen.events if event.kind == "net.connect" and event.fields["protocol"] == "tcp"]
    # The log of calls knows who it was, the relay what became of it: one event of both.
    assert [
        (event.fields["address"], event.fields["port"], event.fields["host"], event.fields["refused"])
        for event in opened
    ] == [("93.184.216.34", 80, "allowed.example", False), ("93.184.216.35", 8080, "", True)]
    assert {Path(programs[event.process]).name for event in opened} == {"curl"}
    assert "proxy=\n" in report["screens"][0]["text"]  # the network does not lead there


@pytest.mark.parametrize("whom", ["controller", "relay"])
def test_nothing_stays_when_one_is_killed(run, whom):
    running = run("curl -sS http://allowed.example/endless >/dev/null &\nsleep 300", "allowed.example")
    controller = psutil.Process(running.pid)
    relay = _relay(controller)
    everyone = controller.children(recursive=True)
    (controller if whom == "controller" else relay).send_signal(signal.SIGKILL)
    if whom == "relay":  # the session goes on, without a network
        assert running.poll() is None
        running.terminate()
    running.communicate(timeout=60)
    _, alive = psutil.wait_procs(everyone, timeout=20)
    assert alive == []


def _relay(controller: psutil.Process) -> psutil.Process:
    """The one that became nobody; waits for it."""
    for _ in range(600):
        for process in controller.children(recursive=True):
            try:
                if process.uids().real == 65534 and process.status() != psutil.STATUS_ZOMBIE:
                    return process
            except psutil.Error:
                continue
        if not controller.is_running() or controller.status() == psutil.STATUS_ZOMBIE:
            pytest.fail("the run ended before there was a network")
        psutil.wait_procs([controller], timeout=0.05)
    pytest.fail("no process of the network's within 30 s")


def test_a_machine_without_nft_is_told_what_to_get(tmp_path, pratique):
    installer = tmp_path / "setup.sh"
    installer.write_text("#!/bin/sh\ntrue\n")
    hidden = "import sys; from pratique.run import preparing; preparing.nft = lambda: None\n"
    starter = tmp_path / "starter.py"
    starter.write_text(hidden + "from pratique.cli.main import main; sys.exit(main())\n")
    done = subprocess.run(
        [sys.executable, starter, "run", "--network", "observed", installer], capture_output=True, text=True,
        stdin=subprocess.DEVNULL, timeout=60, env={**os.environ, "PRATIQUE_STATE": str(tmp_path / "state")},
    )  # fmt: skip
    assert done.returncode == 4
    assert "sudo apt-get install nftables" in done.stderr


@pytest.mark.network
def test_npm_installs_from_the_real_registry(pratique, tmp_path):
    npm = pratique("run", "--json", "--network", "observed", "--install", "--", "npm", "install", "left-pad",
                   cwd=_project(tmp_path))  # fmt: skip
    assert npm.code == 0, npm.err
    assert any("1 connection to registry.npmjs.org" in note for note in npm.json["notes"])
    assert (tmp_path / "project/node_modules/left-pad/package.json").exists()


@pytest.mark.network
@pytest.mark.parametrize(
    ("ways", "said"), [((), "Collecting toml"), (("--use-pep517",), "Installing build dependencies")], ids=str
)
def test_pip_builds_from_the_real_registry(pratique, python_for_all, tmp_path, ways, said):
    subprocess.run([python_for_all, "-m", "venv", tmp_path / "venv"], check=True, capture_output=True)
    pip = tmp_path / "venv/bin/pip"
    ran = pratique("run", "--json", "--refuse", "--", pip, "install", *ways, "--no-binary=toml", "toml")
    assert ran.out, ran.err
    assert said in ran.json["screens"][0]["text"], ran.err
    assert "Successfully installed toml" in ran.json["screens"][0]["text"], ran.err
    assert ran.json["actions"] == []


@pytest.mark.network
def test_an_ordinary_user_s_npm_reaches_the_real_registry(ordinary_user):
    project = ordinary_user.own(_project(ordinary_user.home))
    npm = ordinary_user.pratique("run", "--json", "--refuse", "--", "npm", "install", "left-pad", cwd=project)
    assert npm.out, npm.err
    assert "added 1 package" in npm.json["screens"][0]["text"], npm.err
    assert npm.json["open"][0].startswith("network: observed, to registry.npmjs.org")


def _project(place: Path) -> Path:
    project = place / "project"
    shutil.rmtree(project, ignore_errors=True)  # an ordinary user's home is that of other tests, too
    project.mkdir()
    (project / "package.json").write_text("{}")
    return project
