"""The call log: what a session's programs ask of the kernel, seen by a filter before it is done.

`treatment` says which calls are seen, refused or let pass; `bpf` turns that into a filter for the kernel. The
supervisor, a process the program can neither see nor signal, answers each call that is seen (`supervisor`): it reads
what is asked (`memory`, `naming`), says it in the words of a policy (`files`, `programs`, `network`, `machine`), knows
whose doing it is (`images`), asks the plan (`answers`) and writes it down (`log`). Only then the call is made, or not.
Letting a call go on observes: another thread may change what it points to. Containment never rests on it.
"""
