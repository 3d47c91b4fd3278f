"""What gets past each tool: an installer tries it, and the machine is looked at; its own word counts for nothing."""

from __future__ import annotations

import re
from typing import Final

from proof.comparison.machine import SETTING, disk
from proof.comparison.questions import NO, PARTLY, YES, Answer, yes_or_no
from proof.comparison.tools import Strace, Tool

PROCESSES: Final = 3000
FILL_MIB: Final = 400
_TYPED = "typed-by-the-installer"

#: Tries everything, and leaves what it found in words on its output.
_TRIES = """#!/bin/sh
exec 2>&1
acts={here}/acts
echo x >/etc/pratique-comparison.conf
echo evil >>~/.bashrc
echo "key: $(cat ~/.ssh/id_ed25519)"
$acts reach 127.0.0.1 {port}
$acts reach-local @pratique-comparison
$acts reach-local {bus}
$acts reach-local {agent}
$acts mount /mnt
echo {setting} >/proc/sys/fs/lease-break-time
$acts signal {outsider} 15
$acts users && echo "user name space: made"
$acts raw-disk $HOME/disk {major} {minor} && echo "disk: read"
echo "as set-user-id root: effective user $({here}/id-setuid -u)"
$acts fork {processes}
exit 0
"""

#: Row -> the words of the page. Some are about root's powers or a user's only.
QUESTIONS: Final = {
    "etc": "Writes below `/etc`",
    "shell": "Writes to `~/.bashrc`",
    "key": "Reads the private key",
    "port": "Reaches a server on the machine's `localhost`",
    "abstract": "Reaches an abstract socket",
    "bus": "Reaches the person's D-Bus",
    "agent": "Reaches the SSH agent",
    "mount": "Mounts on the machine",
    "setting": "Changes a kernel setting",
    "kill": "Ends somebody else's process",
    "users": "Makes a user name space, for more of the kernel to attack",
    "raw": "Reads a disk past its files, by a device node of its own",
    "setuid": "Becomes root by a set-user-id program",
    "type": "Types into the person's terminal",
    "fork": f"Runs {PROCESSES:,} processes at once",
    "fill": "Fills the disk of the home",
}


def held(tool: Tool) -> dict[str, Answer]:
    """For each row, whether it was held: `yes` where nothing of it reached the machine."""
    machine = tool.machine
    setting = int(SETTING.read_text()) + 1
    with machine.neighbours() as neighbours, disk(machine.place) as (major, minor):
        tries = _TRIES.format(
            here=machine.downloads, port=machine.port, bus=machine.bus, agent=machine.agent, setting=setting,
            outsider=neighbours.process.pid, major=major, minor=minor, processes=PROCESSES,
        )  # fmt: skip
        said = tool.run(machine.script("tries.sh", tries)).out
        heard = set(neighbours.heard.read_text().split()) if neighbours.heard.exists() else set()
        killed = neighbours.process.poll() is not None
    processes = re.search(r"processes at once: (\d+)", said)
    assert processes, f"{tool.name}: the installer did not get to its end: {said}"
    answers = {
        "etc": yes_or_no(not machine.seen("/etc/pratique-comparison.conf").exists()),
        "shell": yes_or_no("evil" not in machine.seen(machine.home / ".bashrc").read_text()),
        "key": yes_or_no("key: PRIVATE" not in said),
        "port": yes_or_no("port" not in heard),
        "abstract": yes_or_no("abstract" not in heard),
        "bus": yes_or_no(machine.bus not in heard),
        "agent": yes_or_no(machine.agent not in heard),
        "mount": yes_or_no("/mnt" not in machine.mounted()),
        "setting": yes_or_no(int(SETTING.read_text()) != setting),
        "kill": yes_or_no(not killed),
        "users": yes_or_no("user name space: made" not in said),
        "raw": yes_or_no("disk: read" not in said),
        "setuid": yes_or_no("as set-user-id root: effective user 0" not in said),
        "fork": yes_or_no(int(processes.group(1)) < PROCESSES),
        "type": _typing(tool),
        "fill": _filling(tool),
    }
    assert set(answers) == set(QUESTIONS)
    if isinstance(tool, Strace) and answers["setuid"].word == YES:
        answers["setuid"] = Answer(YES, "because it is traced: the kernel gives it nothing then")
    if machine.person.root:
        del answers["setuid"]  # who is root need not become it
    else:
        for row in ("etc", "mount", "setting", "raw"):
            del answers[row]  # the machine itself holds them
    return answers


def _typing(tool: Tool) -> Answer:
    machine = tool.machine
    script = machine.script("types.sh", f"#!/bin/sh\n{machine.downloads}/acts type {_TYPED}\nexit 0\n")
    return yes_or_no(_TYPED.encode() not in tool.at_terminal(script))


def _filling(tool: Tool) -> Answer:
    """The home's disk must never have been full. What is filled instead is said: memory is no more for the taking."""
    machine = tool.machine
    script = machine.script("fills.sh", f"#!/bin/sh\n{machine.downloads}/acts fill ~/filling {FILL_MIB}\nexit 0\n")
    with machine.least_room() as least:
        said = tool.run(script).out
    machine.seen(machine.home / "filling").unlink(missing_ok=True)
    if least[0] < 1:
        return Answer(NO)
    if "MiB left over: 0" in said:
        return Answer(PARTLY, f"{FILL_MIB} MiB went into memory instead")
    return Answer(YES)


#: An installer that gives up when anything is refused, and looks whether what it did is there.
_STRICT = """#!/bin/sh
set -e
echo new >/etc/pratique-comparison.conf
grep -q new /etc/pratique-comparison.conf
echo evil >>~/.bashrc
grep -q evil ~/.bashrc
{acts} mount /mnt
echo {setting} >/proc/sys/fs/lease-break-time
{acts} signal {outsider} 15
exit 0
"""


def goes_on(tool: Tool) -> Answer:
    """Whether an installer that stops at the first refusal gets to its end, and still nothing reached the machine."""
    machine = tool.machine
    machine.restore()
    bashrc = machine.seen(machine.home / ".bashrc")
    setting = int(SETTING.read_text()) + 1
    with machine.neighbours() as neighbours:
        strict = _STRICT.format(acts=machine.downloads / "acts", setting=setting, outsider=neighbours.process.pid)
        ran = tool.run(machine.script("strict.sh", strict))
        untouched = neighbours.process.poll() is None
    untouched &= int(SETTING.read_text()) != setting and bashrc.read_text() == "# mine\n"
    untouched &= not machine.seen("/etc/pratique-comparison.conf").exists() and "/mnt" not in machine.mounted()
    status = _status(tool, ran.code)
    if not untouched:
        return Answer(NO, "nothing is refused")
    return yes_or_no(status == 0, f"the installer ended with {status} at its first refusal")


def _status(tool: Tool, code: int) -> int:
    """How the installer itself ended: the tools pass it on, ours reports it."""
    report = getattr(tool, "report", None)
    return int(report()["installer_exit_status"]) if report else code
