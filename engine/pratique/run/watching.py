"""One program in quarantine, from its start to the recording of everything that was seen."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterable
from typing import Any, Literal

import msgspec

from pratique import meaning, places
from pratique.errors import NoRoomError
from pratique.hookspecs import Launch
from pratique.host import Host, border
from pratique.merging import merge
from pratique.observing import Observers
from pratique.policy.model import NetworkRule, Policy
from pratique.recording import ObserverRun, Recording, Screen
from pratique.run import hiding, left_running, outcomes, reaching
from pratique.run.covering import coverage
from pratique.run.options import Face, Options
from pratique.run.preparing import Person, directory_for
from pratique.sandbox import environment, given, probes, rights
from pratique.sandbox.network import log, summary
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import MOST_PROCESSES, Ended, Spec
from pratique.session import LiveSession
from pratique.subject import Subject

#: Characters of the installer's output kept in the recording.
MOST_OUTPUT = 16 * 1024
_OF_CALLS = "syscalls"  # who tells of calls
#: The exit status of a program that Ctrl-C ended; and of a shell whose child it ended.
_BY_CTRL_C = (-signal.SIGINT, 128 + signal.SIGINT)
_WENT_ON = "Ctrl-C was pressed, and the program went on to its end"


class Watched(msgspec.Struct, frozen=True):
    """What was seen, and the quarantine that still holds what the program left."""

    recording: Recording
    quarantine: Quarantine


def watch(
    options: Options, policy: Policy, host: Host, face: Face, session_id: str, *,
    subject: Subject, launch: Launch, network: NetworkRule, account: Person,
) -> Watched:  # fmt: skip
    """Run the program, wait for the observers, and put down everything that was seen.

    The quarantine in the answer is the caller's to close. Raises `CannotError`, `NoRoomError`.
    """
    if launch.describe:
        subject = msgspec.structs.replace(subject, facts={**subject.facts, "description": launch.describe})
    started = time.time()
    base = environment.from_host(
        os.environ, home=account.home, user=account.name, uid=account.uid, network=network.mode,
        destinations=network.to, attended=options.attended,
    )  # fmt: skip
    gives, lacking = given.find(
        (*policy.plan.give, *options.give), os.environ, home=account.home, uid=account.uid
    )  # fmt: skip
    spec = Spec(
        id=session_id,
        place=places.sessions() / session_id,
        command=launch.command,
        environment={**base, **launch.environment},
        directory=launch.directory or directory_for(account, options.as_user),
        home=account.home,
        uid=account.uid,
        gid=account.gid,
        groups=account.groups,
        user=account.name,
        hide=hiding.everywhere(policy.plan.hide),
        # Those that are hidden are watched anyway, and at no cost.
        reads=tuple(one for one in policy.plan.read_globs if one not in policy.plan.hide),
        deny=policy.plan.deny,
        emulate=policy.plan.emulate,
        network=network.mode,
        destinations=network.to,
        given=gives,
        timeout=options.timeout,
        memory_limit=options.limits.memory,
        cpu_limit=options.limits.cpu,
        processes_limit=options.limits.processes or MOST_PROCESSES,
        size_limit=options.limits.size,
        attended=options.attended,
    )
    quarantine = Quarantine(spec)
    try:
        session = LiveSession(session_id, subject, policy.plan, account.home, quarantine, policy)

        def each(plugin: str) -> dict[str, Any]:
            return {"session": session.view(host.settings(plugin))}

        session.bring([one for answer in host.call("agents", each=each) for one in answer.value])
        quarantine.accompany(one for answer in host.call("companions", each=each) for one in answer.value)
        observers = Observers(host, session.view, places.sessions())
        border.rest()
        face.started(subject, launch)
        try:
            ended = quarantine.run(
                on_start=observers.start,
                on_tick=lambda progress: face.progress(progress, observers.count),
                on_output=face.output,
            )
        finally:
            face.ended()
        with face.working("looking at what it left"):
            effects, components = meaning.give_meaning(quarantine.effects(), subject, session.read, session.read_before)
            session.end(effects, components, ended.processes)
            logs, runs = observers.finish()
            try:
                merged = merge(logs, effects, places.sessions(), meaning.of_scripts(ended.processes))
            except OSError as error:
                raise NoRoomError(
                    f"what was seen cannot be put together: {error.strerror}; nothing was committed",
                    hint=f"make room below {places.sessions()}, and run it again",
                ) from None
            whose = meaning.attribute(subject, ended.processes, merged.effects, merged.events, ended=ended.duration)
            unaltered = meaning.unaltered(merged.events, merged.effects, ended.processes, quarantine.was_there)
    except BaseException:
        quarantine.discard()
        raise
    unobserved = tuple(sorted(policy.plan.kinds - host.observed_kinds()))
    lost = _lost(policy, host, runs, quarantine.companions_lost)
    blind = [f"the policy listens to {', '.join(unobserved)}, which nothing here observes"] if unobserved else []
    if lost:
        blind.append(f"the policy listens to {', '.join(lost)}, and who tells of it did not last to the end")
    if quarantine.unread:  # any of what calls tell of can have been in these
        told = {kind for run in runs if run.name == _OF_CALLS for kind in host.kinds(run.name)}
        lost = tuple(sorted({*lost, *(policy.plan.kinds & told)}))
    recording = Recording(
        id=session_id,
        subject=subject,
        home=account.home,
        started=started,
        duration=ended.duration,
        exit_status=ended.exit_status,
        processes=whose.processes,
        components=whose.components,
        events=merged.events,
        effects=whose.effects,
        screens=_screens(ended),
        observers=runs,
        coverage=coverage(ended, merged.events),
        open=(*_open(network), *quarantine.given),
        notes=(
            *lacking,
            *quarantine.notes,
            *summary.notes(spec.place / log.NAME),
            *reaching.notes(merged.events, network.mode),
            *left_running.notes(ended.left if ended.exit_status is not None else {}),
            *outcomes.notes(merged.events, whose.processes, host.vocabulary()),
            *probes.notes(merged.events, whose.processes),
            *rights.notes(merged.events),
            *([_WENT_ON] if ended.stopping and _by_itself(ended) else ()),
            *blind,
        ),
        ended=_how(ended, options),
        stopping=ended.stopping,
        unobserved=unobserved,
        lost=lost,
        unaltered=unaltered,
        reads=tuple(dict.fromkeys((*policy.plan.hide, *policy.plan.read_globs))),
        anyway=options.anyway,
    )
    return Watched(recording, quarantine)


def _lost(policy: Policy, host: Host, runs: Iterable[ObserverRun], ended: frozenset[str]) -> tuple[str, ...]:
    """The kinds the policy listens to that only an observer would have told whose companion the program outlived.

    A plugin that fails by itself is reported and decides nothing; one that the program may have ended does.
    """
    told: set[str] = set()
    failed: set[str] = set()
    for run in runs:
        if run.state == "ok":
            told.update(host.kinds(run.name))
        elif run.name in ended:
            failed.update(host.kinds(run.name))
    return tuple(sorted(policy.plan.kinds & (failed - told)))


def _open(network: NetworkRule) -> tuple[str, ...]:
    match network.mode:
        case "host":
            return ("network: host",)
        case "observed":
            return (summary.opened_to(network.to),)
    return ()


def _by_itself(ended: Ended) -> bool:
    """Whether the program came to an end of its own: neither we nor a signal ended it, nor Ctrl-C in a child of it."""
    status = ended.exit_status
    return not ended.interrupted and status is not None and status >= 0 and status not in _BY_CTRL_C


def _how(ended: Ended, options: Options) -> Literal["completed", "deadline", "interrupted"]:
    """A program that Ctrl-C ended was interrupted by the person, though they interrupted the program and not us.

    So was one that went on all the same, unless they can still be asked.
    """
    if ended.timed_out:
        return "deadline"
    by_the_person = options.attended and ended.exit_status in _BY_CTRL_C
    by_the_person |= ended.stopping and options.flag is not None and not options.keep
    return "interrupted" if ended.interrupted or by_the_person else "completed"


def _screens(ended: Ended) -> tuple[Screen, ...]:
    """What the person saw, as far as the terminal showed it: the end of the output."""
    text = ended.output_tail.decode("utf-8", "replace")
    return (Screen(time=ended.duration, text=text[-MOST_OUTPUT:]),) if text.strip() else ()
