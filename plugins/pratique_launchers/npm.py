"""npm: its packages as files, and its commands; told not to look for its own updates."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

from pratique import Facts, Launch, MayStay, Request, Subject, hookimpl
from pratique_launchers import packed

#: npm speaks to registries of its own accord for these; none of them changes what is installed.
QUIET: Final = {
    "npm_config_update_notifier": "false",
    "npm_config_fund": "false",
    "npm_config_audit": "false",
}
#: Scripts a package has npm run while it is installed.
INSTALL_SCRIPTS: Final = ("preinstall", "install", "postinstall", "prepare")


@hookimpl
def identify(path: Path) -> Facts | None:
    with path.open("rb") as file:
        if packed.packer(file.read(6)) != "gz":
            return None
    seen = packed.look(path, lambda name: name.count("/") == 1 and name.endswith("/package.json"))
    if seen is None or not seen[1]:
        return None
    where, content = next(iter(seen[1].items()))
    try:
        manifest = json.loads(content)
    except (ValueError, RecursionError):
        return None
    if not isinstance(manifest, dict) or not isinstance(manifest.get("name"), str):
        return None
    facts = {"format": "npm tarball", "package": manifest["name"], "version": str(manifest.get("version", ""))}
    scripts = manifest.get("scripts")
    if isinstance(scripts, dict):
        facts.update({f"script:{name}": str(scripts[name]) for name in INSTALL_SCRIPTS if name in scripts})
    # `npm pack` always calls the directory so; source archives have other names, and may hold a package.json too.
    certainty = 0.9 if where == "package/package.json" else 0.55
    return Facts(kind="npm", certainty=certainty, name=manifest["name"], facts=facts)


@hookimpl
def launch(subject: Subject, request: Request) -> Launch | None:
    if subject.kind != "npm":
        return None
    shared: dict[str, Any] = {
        # Without a network, asking again (npm's two retries take over a minute) cannot help.
        "environment": QUIET | ({"npm_config_fetch_retries": "0"} if request.network == "none" else {}),
        "describe": "npm package",
    }
    if "program" in subject.facts:
        return Launch(command=(subject.path, *subject.command[1:]), **shared)
    return Launch(
        command=("npm", "install", *request.arguments, subject.path), needs={"npm": "npm", "node": "nodejs"}, **shared
    )


@hookimpl
def may_stay() -> list[MayStay]:
    """`_npx` holds programs: it stays for what others have put into it, and what is ours in it goes."""
    return [
        MayStay(
            what="npm's cache and logs",
            paths=(
                "/**/.npm", "/**/.npm/{_npx,_prebuilds,_update-notifier-last-checked}",
                "/**/{.npm,npm-cache}/{_cacache,_logs}", "/**/{.npm,npm-cache}/{_cacache,_logs}/**",
                # Read in place of the packages themselves, while none of these is newer.
                "/**/node_modules/.package-lock.json",
            ),
        ),
        MayStay(what="directories of all npm packages", paths=("/**/node_modules", "/**/node_modules/{.bin,@*}")),
    ]  # fmt: skip
