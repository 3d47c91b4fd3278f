"""A real session: what the diff and the log of calls both saw is one event, and every change has its maker."""

from __future__ import annotations

import pytest

from pratique.recording import read


@pytest.mark.parametrize("whose", ["root", "an ordinary user"])
def test_changes_have_the_process_that_made_them(scene, tmp_path, ordinary_user, whose):
    if whose == "root":
        script, run, home = scene.script, scene.run, scene.home
        file = script("echo new > ~/.tmp", "mv ~/.tmp ~/new", "echo evil >> ~/.bashrc", "chmod 700 ~/new")
        ran = run("--refuse", "--record", tmp_path / "x.rec", file)
        kept = read(tmp_path / "x.rec")
    else:
        home = ordinary_user.home
        (home / ".bashrc").write_text("# theirs\n")
        file = home / "setup.sh"
        file.write_text("#!/bin/sh\necho new > ~/.tmp\nmv ~/.tmp ~/new\necho evil >> ~/.bashrc\nchmod 700 ~/new\n")
        file.chmod(0o755)
        ran = ordinary_user.pratique("run", "--refuse", "--record", home / "x.rec", file)
        kept = read(home / "x.rec")
    assert ran.code in (10, 11), ran.err
    programs = {process.id: process.program.rpartition("/")[2] for process in kept.processes}
    effects = {effect.path: effect for effect in kept.effects if effect.type == "file"}
    assert programs[effects[f"{home}/new"].process] == "dash", "who wrote it, not mv"
    told = {(event.kind, event.fields.get("path")): event for event in kept.events if event.effect is not None}
    write = told["file.write", f"{home}/.bashrc"]
    assert (write.observer, programs[write.process]) == ("effects, syscalls", "dash")
    assert write.fields["added"] == "evil"
    assert sum(e.kind == "file.write" and e.fields["path"] == f"{home}/.bashrc" for e in kept.events) == 1
    order = [
        (event.kind, event.fields["path"].rpartition("/")[2])
        for event in kept.events
        if event.kind in ("file.rename", "file.create", "file.write", "file.mode") and home.name in event.fields["path"]
    ]
    assert order.index(("file.rename", ".tmp")) < order.index(("file.create", "new"))
    assert order.index(("file.create", "new")) < order.index(("file.write", ".bashrc"))


@pytest.mark.root
def test_a_service_is_the_doing_of_who_wrote_its_unit(scene, tmp_path):
    unit = "/etc/systemd/system/pratique-trial.service"
    write = f"printf '[Service]\\nExecStart=/bin/true\\n[Install]\\nWantedBy=multi-user.target\\n' > {unit}"
    file = scene.script(write, "sleep 0.1", f"ln -s {unit} /etc/systemd/system/multi-user.target.wants/")
    ran = scene.run("--refuse", "--record", tmp_path / "x.rec", file)
    assert ran.code == 10, ran.err
    kept = read(tmp_path / "x.rec")
    programs = {process.id: process.program.rpartition("/")[2] for process in kept.processes}
    made = {event.kind: programs[event.process] for event in kept.events if event.kind.startswith("service.")}
    assert made == {"service.add": "dash", "service.enable": "ln"}
