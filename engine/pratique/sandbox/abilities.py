"""Whether this machine lets this user run a quarantine: each part is tried for real, in a child process.

For `pratique doctor`, and for saying what is missing before an installer is started rather than in the middle.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from pratique import places
from pratique.errors import PratiqueError
from pratique.sandbox import cgroups, linux, space
from pratique.sandbox.mending import has_admin, refused_settings
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec


class Ability(msgspec.Struct, frozen=True, kw_only=True):
    """One thing a quarantine needs. `needed` False: without it a session is still safe; `detail` says what is less."""

    name: str
    ok: bool
    detail: str
    mend: str = ""  # the command, or what to change; "" when ok
    needed: bool = True


def examine() -> tuple[Ability, ...]:
    """Try everything. Takes well under a second; leaves nothing behind."""
    session = _session()
    sessions = (_hidden(), _calls(), _network()) if session.ok else ()
    return (_machine(), session, *sessions, _room(), _bound(), _groups(), _scope())


def missing() -> tuple[Ability, ...]:
    """What is needed and not there; empty when an installer can be run."""
    return tuple(ability for ability in examine() if ability.needed and not ability.ok)


def _machine() -> Ability:
    version = ".".join(map(str, linux.kernel_version()))
    ok = linux.machine_is_known() and linux.kernel_version() >= (5, 12)
    return Ability(
        name="kernel", ok=ok, detail=f"Linux {version} on {os.uname().machine}",
        mend="" if ok else "a kernel 5.12 or later on x86_64 or aarch64",
    )  # fmt: skip


@contextlib.contextmanager
def _trial(*command: str, **settings: Any) -> Iterator[Quarantine]:
    """A real session of a harmless command, in the place where sessions are kept."""
    with tempfile.TemporaryDirectory(prefix="doctor-", dir=places.sessions()) as place:
        spec = Spec(
            id="doctor", place=Path(place) / "session", command=command, environment={"PATH": os.defpath},
            uid=os.geteuid(), gid=os.getegid(), home=str(Path.home()), timeout=20, **settings,
        )  # fmt: skip
        with Quarantine(spec) as quarantine:
            yield quarantine


def _session() -> Ability:
    how = "as root: name spaces and one overlay of /" if has_admin() else "in a user name space, an overlay a directory"
    try:
        with _trial("sh", "-c", "echo written > /var/tmp/pratique-doctor") as quarantine:
            ended = quarantine.run(on_output=lambda *_: None)
            seen = [effect.path for effect in quarantine.effects()]
    except PratiqueError as error:
        return Ability(name="quarantine", ok=False, detail=str(error), mend=error.hint)
    if ended.exit_status != 0 or seen != ["/var/tmp/pratique-doctor"]:  # noqa: S108
        found = ended.output_tail.decode(errors="replace").strip() or f"status {ended.exit_status}"
        return Ability(
            name="quarantine", ok=False, detail=f"expected one new file, found {seen}: {found}",
            mend=" && ".join(refused_settings()) or "report this, with the output of `pratique doctor --json`",
        )  # fmt: skip
    return Ability(name="quarantine", ok=True, detail=f"{how}; {ended.duration * 1000:.0f} ms for an empty session")


def _calls() -> Ability:
    """Whether each call of a program is seen: that of a program made for the purpose is."""
    wanted = "/var/tmp/pratique-doctor"  # noqa: S108
    try:
        with _trial("sh", "-c", f"echo written > {wanted}") as quarantine:
            quarantine.run(on_output=lambda *_: None)
            seen = any(call.kind == "file.create" and call.fields["path"] == wanted for call in quarantine.calls())
            detail = "; ".join(quarantine.notes)
    except PratiqueError as error:
        seen, detail = False, str(error)
    return Ability(
        name="call log", ok=seen, needed=False,
        detail="each file, program, connection and setting asked for is seen" if seen else detail,
        mend="" if seen else "Linux 5.5 or later with CONFIG_SECCOMP_FILTER, and no other listener on system calls",
    )  # fmt: skip


def _hidden() -> Ability:
    private = f"{Path.home()}/.profile"
    if not Path(private).exists():
        private = "/etc/hostname"
    try:
        with _trial("cat", private, hide=(private,)) as quarantine:
            ended = quarantine.run(on_output=lambda *_: None)
            opened = quarantine.opened.qsize()
    except PratiqueError as error:
        return Ability(name="hidden files", ok=False, detail=str(error), mend=error.hint)
    if ended.output_tail:
        return Ability(
            name="hidden files",
            ok=False,
            detail=f"{private} could be read",
            mend="a kernel 6.6 or later, or run as root",
        )
    return Ability(
        name="hidden files", ok=opened > 0, needed=False,
        detail="stand-ins are empty" + (", opens are seen" if opened else ", but opens are not seen"),
        mend="" if opened else "sudo sysctl -w fs.inotify.max_user_watches=65536",
    )  # fmt: skip


def _network() -> Ability:
    try:
        with _trial("true", network="observed") as quarantine:
            quarantine.run(on_output=lambda *_: None)
    except PratiqueError as error:
        return Ability(name="observed network", ok=False, needed=False, detail=str(error), mend=error.hint)
    return Ability(name="observed network", ok=True, needed=False, detail="held by the kernel's packet filter, by nft")


def _room() -> Ability:
    place = places.sessions()
    room, kept = space.free(place), space.reserve(place)
    ok = room > 4 * kept
    return Ability(
        name="room", ok=ok, detail=f"{room // 2**20:,} MiB free at {place}",
        mend="" if ok else f"free some room on the file system of {place}, or set PRATIQUE_STATE to a larger one",
    )  # fmt: skip


def _bound() -> Ability:
    """The number of processes at one time: by the kernel for the session alone, or not for root at all."""
    version = linux.kernel_version()
    if any("pids" in parent.controllers for parent in cgroups.parents()):
        return Ability(name="bound on processes", ok=True, needed=False, detail="a control group")
    ok = version >= (6, 14) or os.geteuid() != 0
    by = "the session's own pid_max" if version >= (6, 14) else "the user's limit (RLIMIT_NPROC)"
    return Ability(
        name="bound on processes", ok=ok, needed=False,
        detail=by if ok else "root's processes are not bounded on this kernel",
        mend="" if ok else "a kernel 6.14 or later, or run the installer with --as-user",
    )  # fmt: skip


def _groups() -> Ability:
    """Memory and processor time of a session as a whole."""
    found = {controller: parent.version for parent in cgroups.parents() for controller in parent.controllers}
    ok = {"memory", "cpu"} <= found.keys()
    version = " and ".join(map(str, sorted(set(found.values()))))
    return Ability(
        name="bound on memory", ok=ok, needed=False,
        detail=f"and on processor time: control groups, version {version}" if ok
        else "each process by itself, processor time not: no control group can be made here",
        mend="" if ok else "run it as root, or have systemd hand groups on: a drop-in for user@.service with "
        "[Service] Delegate=cpu memory pids; then log in again",
    )  # fmt: skip


def _scope() -> Ability:
    ok = linux.landlock_version() >= 6
    return Ability(
        name="abstract sockets", ok=ok, needed=False,
        detail="out of reach even with the host's network" if ok else "within reach when a policy opens the network",
        mend="" if ok else "a kernel 6.12 or later with Landlock (lsm=landlock,...)",
    )  # fmt: skip
