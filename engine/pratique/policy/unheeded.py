"""What a policy says that nothing in the engine acts on yet: checked, handed to plugins as typed values, and told."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from pratique.policy import model, syntax
from pratique.policy.compose import Composed

#: The word each such block begins with.
_BLOCKS: Final[dict[type[syntax.Node], str]] = {
    syntax.Untick: "untick", syntax.Reputation: "reputation", syntax.Signatures: "signatures",
    syntax.Distribute: "distribute", syntax.Samples: "samples", syntax.Spool: "spool", syntax.Channel: "channel",
    syntax.Alert: "alert",
}  # fmt: skip


def warn(composed: Composed) -> None:
    """Warn of every such block; of `reputation` only when it has more in it than the time to answer in."""
    for unit in composed.units:
        for scope in unit.scopes:
            for item in scope.source.file.items:
                word = _BLOCKS.get(type(item))
                if word is None or (isinstance(item, syntax.Reputation) and not _weighs(item)):
                    continue
                message = f'nothing acts on "{word}" yet: it is checked, and handed to plugins'
                scope.warn("P0411", item, message)


def _weighs(block: syntax.Reputation) -> bool:
    return any(not isinstance(one, syntax.Answer) for one in block.statements)


def words(policy: model.Policy) -> Iterator[str]:
    """The words of the blocks in force that nothing acts on."""
    held = {
        "untick": policy.plan.untick != model.Untick(),
        "reputation": policy.reputation.rules,
        "signatures": policy.signatures,
        "distribute": policy.distribution,
        "samples": policy.samples,
        "spool": policy.spool,
        "channel": policy.channels,
        "alert": policy.alerts.rules,
    }
    yield from (word for word, value in held.items() if value)


def notes(policy: model.Policy) -> tuple[str, ...]:
    """For the report of a session; () when all of the policy is acted on."""
    found = ", ".join(words(policy))
    return (f"the policy has {found}, on which nothing here acts yet",) if found else ()
