"""How each kind of program is known by its content and started: one module a kind."""
