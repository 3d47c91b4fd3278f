"""How large a policy may be, so that no file keeps the checker or a session busy for long (see docs/language.md)."""

from __future__ import annotations

from typing import Final

#: Bytes of a policy file.
LARGEST: Final = 1 << 20
#: Actions of a policy.
MOST_ACTIONS: Final = 10_000
#: Braces, brackets and parentheses in one another.
NESTING: Final = 64
#: Policies that extend each other in a chain.
LONGEST_CHAIN: Final = 32
#: Lets that use each other in a chain.
DEEPEST_LET: Final = 64
#: Values of one let, other lets put in; and of all uses of lets together.
LARGEST_LET: Final = 100_000
LARGEST_POLICY: Final = 2_000_000
#: Paths that the braces of one glob stand for.
ALTERNATIVES: Final = 1000
#: Characters of all these paths together.
WRITTEN_OUT: Final = 1 << 18
#: Characters of a regular expression or a glob.
LONGEST: Final = 8192
#: Instructions of all that a policy's actions search texts for, as often as they use it. At worst, with expressions
#: made for it, judging takes 4 ns for each and each character of an event; ten thousand actions may have 50 each.
LARGEST_PROGRAM: Final = 500_000
#: Steps of a sequence.
MOST_STEPS: Final = 16
#: Events an example or a test may write as one.
MOST_TIMES: Final = 1000
#: Numbers beyond this are no weights, sizes or counts of anything.
LARGEST_NUMBER: Final = 1e15
#: Syntax errors after which a file is given up.
ENOUGH: Final = 50
