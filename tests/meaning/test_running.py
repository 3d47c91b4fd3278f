"""The file a process runs, read from its command line the way its interpreter reads it."""

from __future__ import annotations

import pytest

from pratique.meaning.running import file_run
from pratique.recording import Process


@pytest.mark.parametrize(
    ("program", "arguments", "file"),
    [
        ("/opt/x/tool", "tool --fast", "/opt/x/tool"),
        ("/usr/bin/tar", "tar xf a.tar", "/usr/bin/tar"),
        # shells
        ("/usr/bin/dash", "sh setup.sh now", "/home/ann/setup.sh"),
        ("/usr/bin/dash", "/bin/sh -e ./setup.sh", "/home/ann/setup.sh"),
        ("/bin/bash", "bash -eu -o pipefail /tmp/a.sh", "/tmp/a.sh"),
        ("/bin/bash", "bash --rcfile x +x a.sh", "/home/ann/a.sh"),
        ("/bin/sh", "sh -- a.sh", "/home/ann/a.sh"),
        ("/bin/sh", "sh - a.sh", "/home/ann/a.sh"),
        ("/bin/sh", "sh -c ./a.sh", ""),
        ("/bin/sh", "sh -ec ./a.sh", ""),
        ("/bin/sh", "sh -s -- a", ""),
        ("/bin/sh", "sh", ""),
        ("/bin/sh", "sh ../up/a.sh", "/home/up/a.sh"),
        # other interpreters
        ("/usr/bin/python3.11", "python3 -IBu setup.py install", "/home/ann/setup.py"),
        ("/usr/bin/python3.11", "python3 -W ignore -Xdev x.py", "/home/ann/x.py"),
        ("/usr/bin/python3", "python3 -m pip install x", ""),
        ("/usr/bin/python3", "python3 -Ic print(1)", ""),
        ("/usr/bin/python3", "python3 -", ""),
        ("/usr/bin/perl", "perl -w -I lib -Mstrict x.pl", "/home/ann/x.pl"),
        ("/usr/bin/perl", "perl -Iee -l x.pl", "/home/ann/x.pl"),
        ("/usr/bin/perl5.36.0", "perl -pi -e s/a/b/ file", ""),
        ("/usr/bin/node", "node --require ./r.js --no-warnings install.js", "/home/ann/install.js"),
        ("/usr/bin/node", "node -e 1", ""),
        ("/usr/bin/ruby3.1", "ruby -I lib -rjson extconf.rb", "/home/ann/extconf.rb"),
        ("/usr/bin/php8.2", "php -d a=b -f x.php", "/home/ann/x.php"),
        ("/usr/lib/jvm/bin/java", "java -Xmx1g -Dp=-e -jar /opt/p/p.jar go", "/opt/p/p.jar"),
        ("/usr/lib/jvm/bin/java", "java -cp lib/a.jar:lib/b.jar com.example.Main", "/home/ann/lib/a.jar"),
        ("/usr/bin/mawk", "awk -f x.awk data", "/home/ann/x.awk"),
        # one program for another
        ("/bin/busybox", "busybox sh a.sh", "/home/ann/a.sh"),
        ("/bin/busybox", "sh a.sh", "/home/ann/a.sh"),
        ("/bin/busybox", "busybox cp a b", "/bin/busybox"),
        ("/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2", "ld.so --library-path . ./tool a", "/home/ann/tool"),
        ("/lib64/ld-linux-x86-64.so.2", "ld.so /usr/bin/python3 x.py", "/home/ann/x.py"),
        ("/lib/ld-musl-x86_64.so.1", "ld-musl -- tool", "/home/ann/tool"),
        ("/lib64/ld-linux-x86-64.so.2", "ld.so --version", "/lib64/ld-linux-x86-64.so.2"),
        # nothing to go by
        ("/bin/sh", "", ""),
        ("/opt/x/tool", "", "/opt/x/tool"),
    ],
)
def test_the_file_that_is_run(program: str, arguments: str, file: str):
    assert file_run(Process(id=1, program=program, arguments=tuple(arguments.split()), directory="/home/ann")) == file
