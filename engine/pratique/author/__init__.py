"""Tools for those who write: policies, plugins, and this project's own documentation."""
