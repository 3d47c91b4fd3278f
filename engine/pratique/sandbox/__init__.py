"""The safe environment: where an unknown installer runs, and from which only what is admitted reaches the machine."""
