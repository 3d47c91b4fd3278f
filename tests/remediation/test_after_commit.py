"""What is made known after files came or went: asked of the real plugins, run for real."""

from __future__ import annotations

import os
import stat
import subprocess
from pathlib import Path

import pytest

from pratique import AfterCommit, hookimpl
from pratique.host import Host
from pratique.run import afterwards
from pratique_remediation import desktop_database, icon_cache, ldconfig, systemd_reload


@pytest.mark.root
@pytest.mark.parametrize(
    ("path", "wanted"),
    [
        ("/usr/lib/x86_64-linux-gnu/libnew.so.1", True), ("/usr/local/lib/libnew.so", True),
        ("/etc/ld.so.conf.d/new.conf", True), ("/usr/lib/python3/dist-packages/a/_x.so", False),
        ("/usr/share/doc/libnew.so.txt", False), ("/opt/app/lib/libnew.so", False),
    ],
)  # fmt: skip
def test_libraries_are_made_known_to_the_loader(path, wanted):
    commands = afterwards.asked_for(Host.of({"ldconfig": ldconfig}), [path])
    assert [Path(one.command[0]).name for one in commands] == (["ldconfig"] if wanted else [])
    assert afterwards.rebuilt(commands) == (ldconfig._CACHES if wanted else ())


@pytest.mark.root
def test_units_are_read_again_only_where_systemd_runs(monkeypatch, tmp_path):
    host = Host.of({"systemd-reload": systemd_reload})
    monkeypatch.setattr(systemd_reload, "_RUNNING", tmp_path / "none")
    assert afterwards.asked_for(host, ["/etc/systemd/system/x.service"]) == ()
    monkeypatch.setattr(systemd_reload, "_RUNNING", tmp_path)
    (one,) = afterwards.asked_for(host, ["/etc/systemd/system/x.service", "/lib/systemd/system/y.timer"])
    assert one.command == ("systemctl", "daemon-reload")
    assert afterwards.asked_for(host, ["/etc/x.service"]) == ()


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A place first on the PATH with programs that only note how they were called."""
    place = tmp_path / "bin"
    place.mkdir()
    for name in ("update-desktop-database", "gtk-update-icon-cache"):
        (place / name).write_text(f'#!/bin/sh\necho "$@" >> {tmp_path}/{name}\n')
        (place / name).chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", f"{place}:{os.environ['PATH']}")
    return place


def test_menus_and_icons_are_made_anew_where_they_have_a_cache(programs, tmp_path):
    applications = tmp_path / "share/applications"
    theme = tmp_path / "share/icons/hicolor"
    for directory in (applications, theme / "48x48/apps"):
        directory.mkdir(parents=True)
    host = Host.of({"desktop": desktop_database, "icons": icon_cache})
    paths = [f"{applications}/a.desktop", f"{applications}/b.desktop", f"{theme}/48x48/apps/a.png"]
    (one,) = afterwards.asked_for(host, paths)
    assert one.rebuilds == (f"{applications}/mimeinfo.cache",)
    (theme / "icon-theme.cache").touch()
    both = afterwards.asked_for(host, paths)
    assert afterwards.carry_out(both) == ()
    assert str(applications) in (tmp_path / "update-desktop-database").read_text()
    assert str(theme) in (tmp_path / "gtk-update-icon-cache").read_text()


class Failing:
    @hookimpl
    def after_commit(self, paths):
        return [
            AfterCommit(command=("sh", "-c", "echo no such thing >&2; exit 3"), because="it was to fail"),
            AfterCommit(command=("/no/such/program",), because="it is missing"),
            AfterCommit(command=("sleep", "60"), because="it takes its time"),
            AfterCommit(command=("true",), because="it works"),
        ]


def test_what_fails_is_said_and_stops_nothing(monkeypatch):
    monkeypatch.setattr(afterwards, "BUDGET", 0.2)
    notes = afterwards.carry_out(afterwards.asked_for(Host.of({"failing": Failing()}), ["/x"]))
    assert notes[0].endswith("failed with status 3: no such thing")
    assert "could not be run (no such file or directory), though it is missing" in notes[1]
    assert "did not end within" in notes[2]
    assert len(notes) == 3


@pytest.mark.root
def test_a_library_that_is_installed_is_found_by_the_loader_and_gone_after_undo(pratique, tmp_path):
    """`/etc/ld.so.cache` is made anew by both, and stands in nobody's way."""
    name = f"libpratique{os.getpid()}.so.1"
    source = tmp_path / "empty.c"
    source.write_text("int pratique_test;\n")
    subprocess.run(["gcc", "-shared", f"-Wl,-soname,{name}", "-o", tmp_path / name, source], check=True)
    script = tmp_path / "setup.sh"
    script.write_text(f"#!/bin/sh\ncp {tmp_path}/{name} /usr/local/lib/{name}\n/sbin/ldconfig\n")
    script.chmod(0o755)
    ran = pratique("run", "--install", "--json", script)
    try:
        assert ran.code == 0, ran.err
        assert name in subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
    finally:
        done = pratique("undo", ran.json["id"])
    assert done.code == 0, done.err
    assert not Path("/usr/local/lib", name).exists()
    assert name not in subprocess.run(["ldconfig", "-p"], capture_output=True, text=True, check=True).stdout
