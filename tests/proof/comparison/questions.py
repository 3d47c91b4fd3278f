"""What is asked of each tool: the rows of the page, and how the answer is read from what was told or found."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

YES, NO, PARTLY = "yes", "no", "partly"


class Answer(NamedTuple):
    word: str
    note: str = ""  # what is lacking, where it is `partly`; or how else it is so


def yes_or_no(is_so: bool, otherwise: str = "") -> Answer:
    """`otherwise`: the note where it is not so."""
    return Answer(YES) if is_so else Answer(NO, otherwise)


class Seen(NamedTuple):
    """One thing to be seen. It was, when each pattern is found in what a tool tells, in this order.

    `in_part`, tool -> (patterns, what is lacking), is looked for where the whole was not found.
    """

    question: str
    patterns: dict[str, tuple[str, ...]]
    in_part: Mapping[str, tuple[tuple[str, ...], str]] = MappingProxyType({})

    def answer(self, tool: str, told: str) -> Answer:
        # The two ways of strace write the same lines.
        name = "strace" if tool.startswith("strace") else tool
        if name in self.patterns and _in_order(self.patterns[name], told):
            return Answer(YES)
        if name in self.in_part and _in_order(self.in_part[name][0], told):
            return Answer(PARTLY, self.in_part[name][1])
        return Answer(NO)


def _in_order(patterns: tuple[str, ...], told: str) -> bool:
    start = 0
    for pattern in patterns:
        found = re.compile(pattern, re.MULTILINE).search(told, start)
        if found is None:
            return False
        start = found.end()
    return True


#: The installer all of `SEEN` is about: {here} is its directory, {outsider} a process that was there before. It begins
#: as a program of C (`acts setup`), which asks for GITHUB_TOKEN.
INSTALLER = """#!/bin/sh
cd
echo words-of-a-passing-file >passing
rm passing
/bin/true word-of-a-short-program
{here}/acts-static write by-static words
{here}/acts reach 192.0.2.7 443
/usr/bin/python3 {here}/asks.py
{here}/acts signal {outsider} 10
{here}/acts mount /mnt
echo 46 >/proc/sys/fs/lease-break-time
cat .ssh/id_ed25519
echo 'export PATH=/opt/evil:$PATH' >>.bashrc
test -e only-looked-for
mkdir -p .config/systemd/user/default.target.wants
printf '[Service]\\nExecStart=/bin/true\\n' >.config/systemd/user/evil.service
ln -s ../evil.service .config/systemd/user/default.target.wants/
printf '#!/bin/sh\\necho x >made-by-what-was-dropped\\n' >dropped
sh ./dropped
{here}/acts-i386
exit 0
"""

#: A script of Python: imports, starts, looks up, and talks TLS to itself, so that no network is needed.
ASKS = """
import colorsys, pathlib, socket, ssl, subprocess, threading
subprocess.run(["/bin/echo", "word-of-python"])
try:
    socket.getaddrinfo("updates.example.org", 443)
except OSError as error:
    print(error)
here = pathlib.Path(__file__).parent
server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
server.load_cert_chain(here / "certificate.pem")
listening = socket.create_server(("127.0.0.1", 0))
def answer():
    with server.wrap_socket(listening.accept()[0], server_side=True) as one:
        while one.recv(65536):
            pass
thread = threading.Thread(target=answer)
thread.start()
client = ssl.create_default_context()
client.check_hostname, client.verify_mode = False, ssl.CERT_NONE
with client.wrap_socket(socket.create_connection(listening.getsockname()), server_hostname="tls.example.org") as one:
    one.sendall(b"x" * 4321)
thread.join()
"""

_WHAT_A_NAME_LACKS = "the file that was opened, as one of many; not that it was imported"

SEEN = (
    Seen("A file that is made and removed again", {
        "Pratique": (r"^file\.(create|write) path=\S*/passing ", r"^file\.delete path=\S*/passing "),
        "strace": (r'openat\(.*"passing", .*O_CREAT', r'unlink(at)?\(.*"passing"'),
        "firejail": (r"open64 \S*/passing", r"unlinkat \S*/passing:0"),
    }, {"firejail": ((r"open64 passing:\d", r"unlinkat passing:0"), "by the name it used, without a directory")}),
    Seen("The words that were written to it", {"strace": (r"write\(.*words-of-a-passing-file",)}),
    Seen("A short program, with its arguments", {
        "Pratique": (r"^process\.exec path=\S*/true arguments=/bin/true word-of-a-short-program",),
        "strace": (r'execve\("/bin/true", \["/bin/true", "word-of-a-short-program"\]',),
        "firejail": (r"exec .*true.*word-of-a-short-program",),
    }, {"firejail": ((r":true:exec /usr/bin/true",), "without the arguments")}),
    Seen("What a static program does", {
        "Pratique": (r"^file\.(create|write) path=\S*/by-static .* by \[\S*acts-static",),
        "strace": (r'execve\("\S*acts-static"', r'openat\(.*"by-static", .*O_CREAT'),
        "firejail": (r"by-static",),
    }),
    Seen("What a 32-bit program among the others does", {
        "Pratique": (r"^file\.create path=\S*/made-by-32-bit",),
        "strace": (r'mkdir\("made-by-32-bit"',),
        "firejail": (r"made-by-32-bit",),
    }, {"Pratique": ((r"^process\.foreign .*machine=i386",),
        "that it makes such a call, for which it is ended; it is followed whole when the installer itself is 32-bit")}),
    Seen("A path that is only looked for", {
        "strace": (r'(stat|access)\S*\(.*"only-looked-for"',),
        "firejail": (r"(stat|access)\S* \S*only-looked-for",),
    }),
    Seen("A private key that is read", {
        "Pratique": (r"^file\.read path=\S*/\.ssh/id_ed25519 hidden=True",),
        "strace": (r'openat\(.*"\.ssh/id_ed25519"',),
        "firejail": (r"open\S* \S*\.ssh/id_ed25519",),
    }),
    Seen("A connection that is tried", {
        "Pratique": (r"^net\.connect address=192\.0\.2\.7 port=443",),
        "strace": (r"connect\(.*htons\(443\).*192\.0\.2\.7",),
        "firejail": (r"connect .*192\.0\.2\.7",),
    }),
    Seen("A name that is looked up", {
        "Pratique": (r"^net\.resolve host=updates\.example\.org",),
        "firejail": (r"updates\.example\.org",),
    }, {"strace": ((r"send\S*\(.*updates.{1,4}example.{1,4}org",), "in the bytes of a packet, to be read by eye")}),
    Seen("The host a TLS connection is for", {
        "Pratique": (r"^tls\.open .*host=tls\.example\.org",),
        "firejail": (r"tls\.example\.org",),
    }, {"strace": ((r"(write|sendto)\(.*tls\.example\.org",), "in the bytes of a packet, to be read by eye")}),
    Seen("How much went over it, before encryption", {"Pratique": (r"^tls\.data .*\b4321\b",)}),
    Seen("A credential that is asked of the environment", {"Pratique": (r"^env\.read name=GITHUB_TOKEN",)}),
    Seen("A module that a script imports", {"Pratique": (r"^runtime\.import language=python module=colorsys",)}, {
        "strace": ((r"openat\(.*colorsys",), _WHAT_A_NAME_LACKS),
        "firejail": ((r"(open|stat)\S* .*colorsys",), _WHAT_A_NAME_LACKS),
    }),
    Seen("A program that a script starts", {
        "Pratique": (r"^process\.exec path=\S*/echo arguments=\S* word-of-python",),
        "strace": (r'execve\(.*"word-of-python"',),
        "firejail": (r"exec .*word-of-python",),
    }, {"firejail": ((r":exec /usr/bin/echo",), "without the arguments")}),
    Seen("A signal to somebody else's process", {
        "Pratique": (r"^process\.signal .*outside=True",),
        "strace": (r"kill\(\d+, SIGUSR1\)",),
        "firejail": (r"kill",),
    }),
    Seen("A mount", {
        "Pratique": (r"^mount\.call .*target=/mnt",),
        "strace": (r'mount\("none", "/mnt"',),
        "firejail": (r":mount ",),
    }),
    Seen("A kernel setting that is written, and the value", {
        "Pratique": (r"^kernel\.setting path=/proc/sys/fs/lease-break-time value=46",),
        "strace": (r'openat\(.*"/proc/sys/fs/lease-break-time"', r'write\(1.*"46\\n"'),
    }, {"firejail": ((r"open\S* /proc/sys/fs/lease-break-time",), "that it was opened")}),
    Seen("In what order, across processes", {
        "Pratique": (r"path=\S*/passing ", r"by-static", r"192\.0\.2\.7"),
        "strace": (r'"passing"', r'execve.*"by-static"', r"192\.0\.2\.7"),
        "firejail": (r"passing", r"/true", r"192\.0\.2\.7"),
    }),
    Seen("Whose doing: process and command line", {
        "Pratique": (r"^file\.create path=\S*/made-by-what-was-dropped .*by \[\S+ .*dropped\]",),
        "strace": (r'^(\d+) +execve\("\S+/sh", \["sh", "\./dropped"\][\s\S]*?^\1 +openat\(.*"made-by-what-was-',),
    }, {"firejail": ((r"^\d+:sh:.*made-by-what-was-dropped",), "the process, without the arguments")}),
    Seen("Whose doing: each program that was dropped apart", {
        "Pratique": (r'^effect .*/made-by-what-was-dropped".*"component": "dropped"',),
    }),
    Seen("What is left at the end, told apart from what passed", {
        "Pratique": (r'^effect .*"path": "[^"]*/dropped"',),
    }),
    Seen("The lines a settings file gained", {
        "Pratique": (r"^file\.write path=\S*/\.bashrc .*added=export PATH=/opt/evil",),
    }, {"strace": ((r"write\(.*export PATH=/opt/evil",), "the bytes of each write, not what the file then is")}),
    Seen("That a service will start by itself", {
        "Pratique": (r"^service\.enable name=evil\.service",),
    }, {"strace": ((r"symlink\S*\(.*evil\.service",), "a link, to be understood by who reads it"),
        "firejail": ((r"symlink\S* .*evil\.service",), "a link, to be understood by who reads it")}),
)  # fmt: skip
