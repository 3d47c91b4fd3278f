"""The test kit for plugin authors: a session to observe, a recorder of events, and a test of good behaviour.

In a plugin's test file, one line is a whole test:

    from pratique.testing import conformance; test_conformance = conformance("my_plugin")
"""

from __future__ import annotations

from pratique.testing.conforming import conformance as conformance
from pratique.testing.conforming import conforms as conforms
from pratique.testing.recorder import record as record
from pratique.testing.session import FakeSession as FakeSession

__all__ = ["FakeSession", "conformance", "conforms", "record"]
