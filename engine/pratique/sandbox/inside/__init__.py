"""What happens between the fork and the program: four processes, each with one duty.

`keeper`: makes the name spaces, then waits. When the controller goes away, however it went, the keeper ends the session
and gives the person's terminal its settings back.
supervisor: answers the program's calls (see `calls`). When it ends, the keeper ends the session.
`first`: process 1 of the session. Puts the new root together (`root`), steps into it, starts the program, reaps, and
reports. When it ends, the kernel ends everything else.
`program`: becomes the user it is to run as and is executed.

They report on one socket: JSON messages, some with descriptors. Nothing is imported after the new root is in place.
"""
