"""A recording judged: what a session was, handed to the policy as values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pratique.policy.compile import CompiledPolicy, compile_policy
from pratique.policy.evaluate import Circumstances
from pratique.policy.model import Policy
from pratique.policy.score import Verdict
from pratique.recording import Recording


def judge(policy: Policy | CompiledPolicy, recording: Recording) -> Verdict:
    """The verdict of the policy on the recording; the same, whenever and however often it is asked.

    A compiled policy must have been compiled for the recording's home; a `Policy` is compiled here. Raises `ValueError`
    when the homes differ.
    """
    compiled = policy if isinstance(policy, CompiledPolicy) else compile_policy(policy, home=recording.home)
    if compiled.home != recording.home:
        raise ValueError(
            f"the policy was compiled for the home {compiled.home!r}, the recording's is {recording.home!r}"
        )
    around = circumstances(recording)
    return compiled.verdict(
        recording.events,
        components=components(recording),
        parents=around.parents,
        programs=around.programs,
        component_of=around.component_of,
        bundled_by=around.bundled_by,
        component_of_effect=around.component_of_effect,
        changed=around.changed,
        unaltered=around.unaltered,
    )


def unwatched(policy: Policy, recording: Recording) -> tuple[str, ...]:
    """Globs of files that the policy wants to hear read, and whose reading was not watched when this was recorded.

    Every change and start is recorded whatever the policy; of reading only what the policy of that session names.
    """
    if recording.reads is None:
        return ()
    return tuple(one for one in policy.plan.read_globs if one not in recording.reads)


def not_heard(globs: Sequence[str], recordings: int = 0) -> str:
    """What to say of them. `recordings`: of so many; 0: of the one there is."""
    paths = ", ".join(globs[:3]) + (f" and {len(globs) - 3} more" if len(globs) > 3 else "")
    of = f"{recordings} recording{'s' if recordings > 1 else ''}" if recordings else "this recording"
    return f"when {of} was made, nobody watched for reading of {paths}: what only that would show is not judged"


def components(recording: Recording) -> tuple[str, ...]:
    """The names of all components, in the recording's order."""
    return tuple(component.name for component in recording.components)


def circumstances(recording: Recording) -> Circumstances:
    """What the recording knows of its processes. The first component is the program's own: process 0's."""
    component_of = {process.id: process.component for process in recording.processes if process.component}
    if recording.components:
        component_of.setdefault(0, recording.components[0].name)
    return Circumstances(
        parents={process.id: process.parent for process in recording.processes},
        programs={process.id: process.program for process in recording.processes},
        component_of=component_of,
        bundled_by=bundled_by(recording, component_of),
        component_of_effect={effect.id: effect.component for effect in recording.effects if effect.component},
        changed=frozenset(effect.path for effect in recording.effects if effect.type == "file"),
        unaltered=frozenset(recording.unaltered),
    )


def bundled_by(recording: Recording, component_of: Mapping[int, str]) -> dict[str, str]:
    """Component -> the component whose process started its first one."""
    found: dict[str, str] = {}
    first = component_of.get(0, "")
    for process in sorted(recording.processes, key=lambda process: (process.started, process.id)):
        own = component_of.get(process.id, "")
        carrier = component_of.get(process.parent, first) if process.parent is not None else ""
        if own and carrier and own != carrier and own != first:
            found.setdefault(own, carrier)
    return found


def why_components(recording: Recording, verdict: Verdict) -> list[str]:
    """For each component of the verdict, in words, why it is one."""
    known = {component.name: component for component in recording.components}
    around = circumstances(recording)
    first = around.component_of.get(0, "")
    out = []
    for part in verdict.components:
        carrier = around.bundled_by.get(part.name)
        if part.name == first:
            out.append("the program that was started")
        elif part.name in known and known[part.name].kind == "package":
            out.append("a package that was installed")
        elif carrier is not None:
            path = known[part.name].path if part.name in known else ""
            program = path or next((p.program for p in recording.processes if p.component == part.name), "")
            out.append(f"brought along by {carrier}" + (f", ran {program}" if program else ""))
        else:
            out.append("something it did" if part.name in known else "named by an event")
    return out
