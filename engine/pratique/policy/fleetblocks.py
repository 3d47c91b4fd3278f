"""The blocks about the fleet: distribute, samples, spool, channel and alert."""

from __future__ import annotations

from typing import Final

from pratique.policy import model, syntax
from pratique.policy.compose import Composed
from pratique.policy.nearest import did_you_mean
from pratique.policy.scope import Scope
from pratique.policy.sound import globs

ROLES: Final = ("center", "site", "endpoint")
SAMPLES: Final = ("incurable", "unknown", "undesirable")
SPOOLED: Final = ("telemetry", "reports", "verdicts", "samples", "alerts")
RECEIVED: Final = ("policies", "signatures", "settings", "vaccines")
WARNED: Final = ("person", "site", "center")
ALERTS: Final = ("undesirable", "incurable", "unknown", "refused", "spool", "rollout", "offline")
#: Who can be alerted without a channel.
ALERTED: Final = ("endpoint", "person", "site", "center")


def distribution(composed: Composed) -> model.Distribution | None:
    routes, groups = [], []
    rings: tuple[model.Ring, ...] = ()
    halt = None
    first = None
    for placed in composed.settings.values():
        node, scope, _ = placed
        match node:
            case syntax.Route():
                routes.append(_route(scope, node))
            case syntax.RollOut():
                rings = _rings(scope, node)
            case syntax.Halt(more_than=share):
                halt = model.Halt(more_than=scope.share(share))
            case syntax.Group(name=name, receives=receives):
                groups.append(
                    model.GroupRule(group=name.value, receives=scope.choices(receives, RECEIVED, "sent to groups"))
                )
            case _:
                continue
        first = first or placed
    if first is None:
        return None
    return model.Distribution(
        what="vaccines", routes=tuple(routes), rings=rings, halt=halt, groups=tuple(groups), where=first.where
    )


def distributed(composed: Composed) -> None:
    """Check what the `distribute` blocks say they distribute."""
    for unit in composed.units:
        for scope in unit.scopes:
            for item in scope.source.file.items:
                block = item.what if isinstance(item, syntax.Override) else item
                if isinstance(block, syntax.Distribute):
                    scope.choice(block.what, ("vaccines",), "something that is distributed")


def _route(scope: Scope, node: syntax.Route) -> model.Route:
    source = scope.choice(node.source, ROLES[:2], "where vaccines come from")
    to = scope.choice(node.to, ROLES[1:], "where vaccines go")
    ways = ("pull", "push")
    retry, fallback = node.retry, node.fallback
    transfer = model.Transfer(
        how=scope.choice(node.leg.how, ways, "a way to transfer"),  # type: ignore[arg-type]
        every=scope.seconds(node.leg.every),
        retries=0 if retry is None else scope.count(retry.times, "how often it is tried again", most=1000),
        apart=0.0 if retry is None else scope.seconds(retry.apart) or 0.0,
        then=None if fallback is None else scope.choice(fallback.how, ways, "a way to transfer"),  # type: ignore[arg-type]
        then_every=None if fallback is None else scope.seconds(fallback.every),
    )
    if source == to:
        scope.report("P0106", node.to, "vaccines go from the center to a site, or from a site to an endpoint")
    return model.Route(source=source, to=to, transfer=transfer)  # type: ignore[arg-type]


def _rings(scope: Scope, node: syntax.RollOut) -> tuple[model.Ring, ...]:
    rings: list[model.Ring] = []
    for one in node.rings:
        if isinstance(one, syntax.Everyone):
            rings.append(model.Ring(share=1.0))
            continue
        share = scope.share(one.share)
        if rings and share <= rings[-1].share:
            scope.report("P0206", one.share, "each ring is greater than the one before it")
        rings.append(model.Ring(share=share, lasts=scope.seconds(one.lasts)))
    for early, one in zip(rings[:-1], node.rings, strict=False):
        if early.lasts is None:
            scope.report("P0310", one, "this ring is not the last, so it must say how long it lasts: 5% for 1h")
    return tuple(rings)


def samples(composed: Composed) -> model.Samples | None:
    send: list[str] = []
    never: list[str] = []
    for node, scope, _ in composed.listed(syntax.Send):
        assert isinstance(node, syntax.Send)
        send += scope.choices(node.what, SAMPLES, "a sort of sample")
    for node, scope, _ in composed.listed(syntax.NeverSend):
        assert isinstance(node, syntax.NeverSend)
        never += globs(scope, node.paths)
    limit = composed.setting("samples", "at most")
    at_most = None
    if limit is not None:
        assert isinstance(limit.node, syntax.AtMost)
        at_most = int(limit.scope.number(limit.node.size, "a size"))
    if not (send or never or limit):
        return None
    return model.Samples(send=tuple(dict.fromkeys(send)), never=tuple(dict.fromkeys(never)), at_most=at_most)


def spool(composed: Composed) -> model.Spool | None:
    out: dict[str, object] = {}
    for word in ("keep", "when full", "never drop", "warn"):
        placed = composed.setting("spool", word)
        if placed is None:
            continue
        node, scope, _ = placed
        out.setdefault("where", placed.where)
        match node:
            case syntax.Keep(limits=limits):
                for limit in limits:
                    key = "keep_bytes" if limit.unit.endswith("B") else "keep_seconds"
                    if key in out:
                        scope.report("P0304", limit, "one size and one time are enough")
                    out[key] = int(scope.number(limit, "a size")) if key == "keep_bytes" else scope.seconds(limit)
            case syntax.WhenFull(drop=names):
                out["drop_first"] = scope.choices(names, SPOOLED, "kept in the spool")
            case syntax.NeverDrop(what=names):
                out["never_drop"] = scope.choices(names, SPOOLED, "kept in the spool")
            case syntax.Warn(who=names):
                out["warn"] = scope.choices(names, WARNED, "somebody who can be warned")
    return model.Spool(**out) if out else None  # type: ignore[arg-type]


def channels(composed: Composed) -> tuple[model.Channel, ...]:
    out = []
    for placed in composed.channels.values():
        assert isinstance(placed.node, syntax.Channel)
        out.append(model.Channel(name=placed.node.name.value, url=placed.node.url.value, where=placed.where))
    return tuple(out)


def alerts(composed: Composed) -> model.Alerts:
    rules = []
    for node, scope, _ in composed.listed(syntax.AlertOn):
        assert isinstance(node, syntax.AlertOn)
        for name in node.to:
            if name.value not in composed.channels and name.value not in ALERTED:
                known = [*composed.channels, *ALERTED]
                scope.report("P0115", name, f'no channel "{name.value}"', help=did_you_mean(name.value, known))
        over = None if node.over is None else scope.share(node.over)
        on = scope.choice(node.what, ALERTS, "something to alert on")
        rules.append(model.AlertRule(on=on, to=tuple(dict.fromkeys(name.value for name in node.to)), over=over))
    limit = composed.setting("alert", "at most")
    at_most = None
    if limit is not None:
        assert isinstance(limit.node, syntax.AtMostAnHour)
        at_most = limit.scope.count(limit.node.number, "how many alerts an hour")
    return model.Alerts(rules=tuple(rules), at_most_per_hour=at_most)
