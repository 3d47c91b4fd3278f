"""One session with an observed network, run where conftest.py says: `trial.py PLACE SCRIPT DESTINATION...`.

Prints as JSON what the program said, and what was recorded.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import msgspec

from pratique.sandbox.network import log
from pratique.sandbox.quarantine import Quarantine
from pratique.sandbox.spec import Spec


def main(place: Path, script: str, *destinations: str) -> None:
    os.environ["PRATIQUE_STATE"] = str(place / "state")
    spec = Spec(
        id="trial", place=place / "session", command=("sh", "-c", script), home=str(place), network="observed",
        environment={"PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin", "HOME": str(place)},
        uid=os.getuid(), gid=os.getgid(), destinations=destinations, timeout=60,
    )  # fmt: skip
    said: list[bytes] = []
    with Quarantine(spec) as quarantine:
        ended = quarantine.run(on_output=lambda data, _: said.append(data))
        records = [msgspec.to_builtins(one) for one in log.read(spec.place / log.NAME)]
        effects = [effect.path for effect in quarantine.effects()]
    print(json.dumps({
        "said": b"".join(said).decode(errors="replace"), "status": ended.exit_status, "records": records,
        "effects": effects, "notes": quarantine.notes, "left": sorted(path.name for path in place.iterdir()),
    }))  # fmt: skip


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
