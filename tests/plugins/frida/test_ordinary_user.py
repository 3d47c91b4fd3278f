"""An ordinary user's programs are looked into as well: in a user name space, without any right on the machine."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pratique import recording


def test_a_users_installer_is_looked_into(ordinary_user: Any):
    installer = ordinary_user.home / "setup.py"
    installer.write_text(
        "#!/usr/bin/python3\nimport os, subprocess, json\nos.environ.get('HOME')\n"
        "subprocess.run(['echo', 'two words'])\nprint(os.fork() and os.wait()[1])\n"
    )
    ordinary_user.own(installer)
    kept = ordinary_user.home / "seen.rec"
    ran = ordinary_user.pratique("run", "--json", "--record", str(kept), str(installer))
    assert ran.code in (0, 10, 11), ran.err
    seen = recording.read(Path(kept))
    commands = [event.fields["command"] for event in seen.events if event.kind == "runtime.command"]
    assert commands == ["echo 'two words'"]
    assert seen.coverage.instrumented == 1
    (run,) = [run for run in seen.observers if run.name == "frida"]
    assert run.state == "ok"
