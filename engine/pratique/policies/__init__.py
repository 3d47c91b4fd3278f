"""The one place that reads policy files: found, checked, remembered; the checking itself is `pratique.policy`.

`load` is for a policy somebody names, `in_force` for the one that holds on this machine, `check` for authors.
What `in_force` kept from an earlier start needs no checker, so the checker is imported only when there is something to
check.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pratique.policies.force import InForce as InForce
from pratique.policies.force import check_in_force as check_in_force
from pratique.policies.force import in_force as in_force
from pratique.policies.force import last_good as last_good
from pratique.policies.force import still_in_force as still_in_force
from pratique.policies.force import would_be_in_force as would_be_in_force
from pratique.policies.search import search_path as search_path

if TYPE_CHECKING:
    from pratique.policies.loading import Outcome as Outcome
    from pratique.policies.loading import check as check
    from pratique.policies.loading import load as load


def __getattr__(name: str) -> Any:
    if name in ("Outcome", "check", "load"):
        from pratique.policies import loading

        return getattr(loading, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
