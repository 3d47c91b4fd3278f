"""The author's tools: run what a policy says of itself, and say what a change of it changes."""
