"""What can be left out, put off and taken back: each tried, and the home compared with how it was."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Final

from proof.comparison.questions import NO, PARTLY, Answer, yes_or_no
from proof.comparison.tools import Bubblewrap, Firejail, Pratique, Tool

QUESTIONS: Final = {
    "part": "Install one part of it, without another",
    "lines": "Of a settings file keep some new lines, without others",
    "later": "Decide later",
    "undo": "Take an installation back, byte for byte, with modes and times",
    "crash": "Be killed while installing, and leave all or nothing",
    "again": "Judge what was seen again, by other rules",
}
_FILES: Final = 5000

_INSTALLS = """#!/bin/sh
echo program >~/program
chmod 755 ~/program
echo more >>~/notes
echo evil >>~/.bashrc
exit 0
"""
_SETTINGS = """#!/bin/sh
printf 'export EDITOR=vi\\nexport http_proxy=http://203.0.113.9:8080\\n' >>~/.profile
exit 0
"""
_MANY = f"""#!/bin/sh
i=0
while [ $i -lt {_FILES} ]; do echo $i >~/many/$i; i=$((i + 1)); done
exit 0
"""
#: Only the lines that meet it go: an action that asks for what was added.
_ABOUT_LINES = """policy lines "Some lines" {
    version "1.0.0"
    score sum
    threshold 100
}
action proxy "A proxy" {
    on file.write where path in ["~/.profile"] and added contains "http_proxy"
    weight 100
    remedy revert
}
"""
_FORGIVING = 'policy forgiving "Nothing is undesirable" {\n    version "1.0.0"\n    score sum\n    threshold 100\n}\n'
#: Words by which a tool would offer any of it.
_OFFERS = re.compile(r"\b(undo|roll ?back|revert|commit|restore|uninstall|replay)", re.IGNORECASE)


def taken_back(tool: Tool) -> dict[str, Answer]:
    return _ours(tool) if isinstance(tool, Pratique) else _theirs(tool)


def _ours(tool: Pratique) -> dict[str, Answer]:
    machine = tool.machine
    home, place = machine.seen(machine.home), machine.place
    answers = {}
    before = machine.tree(machine.home)

    installer = machine.script("installs.sh", _INSTALLS)
    part = tool.do("run", "--without", installer)
    assert part.code == 0, part.out
    mine = (home / ".bashrc").read_text() == "# mine\n"
    answers["part"] = yes_or_no(mine and (home / "program").exists(), part.out)

    undone = tool.do("undo", _last(tool))
    answers["undo"] = yes_or_no(undone.code == 0 and machine.tree(machine.home) == before, undone.out)

    (place / "lines.policy").write_text(_ABOUT_LINES)
    settings = machine.script("settings.sh", _SETTINGS)
    lines = tool.do("run", "--policy", str(place / "lines.policy"), "--without", settings)
    kept = (home / ".profile").read_text() == "# mine, too\nexport EDITOR=vi\n"
    answers["lines"] = yes_or_no(lines.code == 0 and kept, lines.out)

    before = machine.tree(machine.home)
    later = tool.do("run", "--keep", machine.script("later.sh", "#!/bin/sh\necho later >~/later\nexit 0\n"))
    nothing_yet = machine.tree(machine.home) == before
    decided = tool.do("commit", "--install", _last(tool))
    there = (home / "later").exists()
    answers["later"] = yes_or_no(later.code == 0 and nothing_yet and decided.code == 0 and there, decided.out)

    judged = tool.run(installer)
    assert judged.code == 10, judged.out
    (place / "forgiving.policy").write_text(_FORGIVING)
    again = tool.do("replay", str(tool.log / "recording"), "--policy", str(place / "forgiving.policy"))
    answers["again"] = yes_or_no(again.code == 0, again.out)

    answers["crash"] = _all_or_nothing(tool)
    assert set(answers) == set(QUESTIONS)
    return answers


def _killed(tool: Tool) -> tuple[int, dict[str, tuple[object, ...]]]:
    """SIGKILL when the first of many files is in place. Returns how many were by then, and the home before."""
    machine = tool.machine
    many = machine.seen(machine.home / "many")
    many.mkdir()  # of the machine's: into a directory that is new all would come at once
    os.chown(many, machine.person.uid, machine.person.gid)
    before = machine.tree(machine.home)
    running = tool.start(machine.script("many.sh", _MANY))
    while not _placed(many) and running.poll() is None:
        time.sleep(0.001)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()
    placed = _placed(many)
    assert placed, f"{tool.name} had put nothing in place when it ended: nothing was tried"
    return placed, before


def _all_or_nothing(tool: Pratique) -> Answer:
    """The next command has to see to the rest."""
    machine = tool.machine
    placed, before = _killed(tool)
    assert placed < _FILES, "everything was in place before it was killed: nothing was tried"
    mended = tool.do("history")
    nothing = machine.tree(machine.home) == before
    everything = _placed(machine.seen(machine.home / "many")) == _FILES
    return yes_or_no(mended.code == 0 and (nothing or everything), mended.out)


def _placed(many: Path) -> int:
    """How many stand there by their own names."""
    return sum(path.name.isdigit() for path in many.iterdir())


def _last(tool: Pratique) -> str:
    """The newest session's id."""
    found = re.search(r"^\s*([0-9a-f]{4,})\b", tool.do("history").out, re.MULTILINE)
    assert found, tool.do("history").out
    return found.group(1)


def _theirs(tool: Tool) -> dict[str, Answer]:
    machine = tool.machine
    answers = dict.fromkeys(QUESTIONS, Answer(NO))
    program = {Firejail: "firejail", Bubblewrap: "bwrap"}.get(type(tool), "strace")
    offered = _OFFERS.findall(subprocess.run([program, "--help"], capture_output=True, text=True).stdout)
    assert not offered, f"{program} --help speaks of {offered}: ask it, too"
    if tool.keeps_aside:
        aside = machine.place / "aside"
        shutil.copytree(machine.seen(machine.home), aside)
        for path in (aside, *aside.rglob("*")):
            shutil.chown(path, machine.person.uid, machine.person.gid)
        tool.run(machine.script("installs.sh", _INSTALLS), aside=aside)
        mine = machine.seen(machine.home / ".bashrc").read_text() == "# mine\n"
        if mine and (aside / "program").exists():
            by_hand = "of the home only: it can be another directory, from which whole files are copied by hand"
            answers["part"] = answers["later"] = Answer(PARTLY, by_hand)
            answers["undo"] = answers["crash"] = Answer(
                NO, "it installs nothing: what is done is thrown away or kept aside"
            )
    else:
        tool.run(machine.script("installs.sh", _INSTALLS))
        if "evil" in tool.told():  # what was written
            answers["again"] = Answer(PARTLY, "the log is kept, and there are no rules to judge it by")
        machine.restore()
        answers["crash"] = yes_or_no(_killed(tool)[0] == _FILES)
    return answers
