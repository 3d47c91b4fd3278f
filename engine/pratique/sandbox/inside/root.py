"""The root of a session: overlays, views and what the quarantine has of its own, mounted one by one."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from pratique.sandbox import furnish, given, hidden, linux, pretending
from pratique.sandbox.given import Given
from pratique.sandbox.hidden import Hidden
from pratique.sandbox.inside.job import Job, Reporter
from pratique.sandbox.layers import Step, overlay_options, view_options
from pratique.sandbox.network import wiring


class Built(NamedTuple):
    """`notes`: in words, what could not be as planned. `given`: what of the person's is there."""

    notes: list[str]
    given: tuple[Given, ...]


def build_root(job: Job, report: Reporter) -> Built:
    """Mount everything below PLACE/root."""
    report.step = "private mounts"
    linux.mount("none", "/", None, linux.MS_REC | linux.MS_PRIVATE)
    os.chdir(job.spec.place)
    root = job.spec.place / "root"
    used: frozenset[int] = frozenset()
    if job.stand_ins or job.covered or job.pretended or job.let_through:
        report.step = "stand-ins"
        furnish.tmpfs(Path("stand-ins"), 0o700, "64m")
        wanted = (*job.stand_ins, *(Hidden(one.path, False) for one in job.pretended), *job.let_through)
        used = hidden.build(Path("stand-ins"), wanted, job.layers, mapped=job.mapped)
        pretending.fill(Path("stand-ins"), job.pretended, job.layers)
    if job.mapped:
        report.step = "skeleton"
        furnish.tmpfs(root, 0o755, "16m")
    notes = []
    for step in job.steps:
        report.step = f"overlay {step.at}" if step.kind == "overlay" else f"{step.kind} {step.at}"
        notes += _put(step, root / step.at[1:], job, step.number in used)
    report.step = "hidden files"
    hidden.cover(root, Path("stand-ins"), job.covered)
    furnished: tuple[tuple[str, Callable[[], None]], ...] = (
        ("dev", lambda: furnish.dev(root, mapped=job.mapped)),
        ("proc", lambda: furnish.proc(root, job.processes)),
        ("sys", lambda: furnish.sys(root, own_network=job.spec.network != "host", mapped=job.mapped)),
        ("run", lambda: furnish.run(root, job.spec)),
    )
    for name, put in furnished:
        report.step = name
        (root / name).mkdir(exist_ok=True)
        put()
    report.step = "stand-ins"
    pretending.keep_real(root, job.pretended)
    if job.spec.network == "observed":
        report.step = "name server"
        wiring.write_name_server(root)
    report.step = "what is given"
    mounted, lacking = given.mount(root, job.spec.given, uid=job.spec.uid, gid=job.spec.gid)
    if job.mapped:
        report.step = "skeleton"
        linux.make_read_only(str(root))
    return Built([*notes, *lacking], mounted)


def _put(step: Step, target: Path, job: Job, stand_ins: bool) -> list[str]:
    try:
        _put_as_planned(step, target, job, stand_ins)
        return []
    except OSError as error:
        if step.kind in ("cover", "link", "directory") or step.at == "/" or stand_ins:
            raise  # without it, the session would not be safe or not be whole
        reason = (error.strerror or "").lower()
    with contextlib.suppress(OSError):
        _put_as_planned(Step(kind="show", at=step.at), target, job, False)
        return [f"{step.at} is read-only in the quarantine ({reason})"]
    _put_as_planned(Step(kind="cover", at=step.at), target, job, False)
    return [f"{step.at} is not in the quarantine ({reason})"]


def _put_as_planned(step: Step, target: Path, job: Job, stand_ins: bool) -> None:
    match step.kind:
        case "directory":
            target.mkdir(exist_ok=True)
        case "link":
            target.symlink_to(step.target)
        case "overlay":
            target.mkdir(exist_ok=True)
            options = overlay_options(step, stand_ins=stand_ins, mapped=job.mapped)
            linux.mount("pratique", str(target), "overlay", linux.MS_NODEV, options)
        case "show" if Path(step.at).is_dir() and _show_as_overlay(step, target, job):
            pass
        case "show":
            if job.mapped and not os.path.lexists(target):
                target.mkdir() if Path(step.at).is_dir() else target.touch()
            linux.bind(step.at, str(target), read_only=True, recursive=True, devices=False)
        case "cover" if os.path.lexists(target):
            furnish.cover(target, "/dev/null")


def _show_as_overlay(step: Step, target: Path, job: Job) -> bool:
    """Read-only, and with pipes and sockets of its own: in a plain view those of the host could be written to."""
    target.mkdir(exist_ok=True)
    nothing = Path("work/nothing")
    nothing.mkdir(exist_ok=True)
    try:
        linux.mount("pratique", str(target), "overlay", linux.MS_NODEV, view_options(step, str(nothing), job.mapped))
    except OSError:
        return False  # no file system that can be a layer
    return True
