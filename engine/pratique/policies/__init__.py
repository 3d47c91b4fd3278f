"""The one place that reads policy files: found, checked, remembered; the checking itself is `pratique.policy`.

`load` is for a policy somebody names, `in_force` for the one that holds on this machine, `check` for authors.
"""

from __future__ import annotations

from pratique.policies.force import InForce as InForce
from pratique.policies.force import check_in_force as check_in_force
from pratique.policies.force import in_force as in_force
from pratique.policies.force import last_good as last_good
from pratique.policies.force import still_in_force as still_in_force
from pratique.policies.loading import Outcome as Outcome
from pratique.policies.loading import check as check
from pratique.policies.loading import load as load
from pratique.policies.search import search_path as search_path
