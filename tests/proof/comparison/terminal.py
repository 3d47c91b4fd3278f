"""Run a command at the terminal on standard input, and keep in `typed` what stands typed in it when it has ended."""

import fcntl
import os
import signal
import subprocess
import sys
import termios

fcntl.ioctl(0, termios.TIOCSCTTY, 0)
settings = termios.tcgetattr(0)
subprocess.run(sys.argv[1:], check=False)
signal.signal(signal.SIGTTOU, signal.SIG_IGN)
os.tcsetpgrp(0, os.getpgrp())
termios.tcsetattr(0, termios.TCSANOW, settings)
os.set_blocking(0, False)
try:
    typed = os.read(0, 4096)
except BlockingIOError:
    typed = b""
with open("typed", "wb") as file:
    file.write(typed)
