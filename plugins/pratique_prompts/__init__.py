"""Ways to put a question to the person."""
