"""What several tests of commands ask for."""

import os
from pathlib import Path

import pytest


@pytest.fixture
def own_policies(state):
    """Two policies of one's own in the settings directory, neither of which extends the other: lab and office."""
    place = Path(os.environ["PRATIQUE_CONFIG"]) / "policies"
    place.mkdir(parents=True)
    for name in ("lab", "office"):
        (place / f"{name}.policy").write_text(f'policy {name} {{\n    version "1"\n    extends baseline\n}}\n')
    return place
