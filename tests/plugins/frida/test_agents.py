"""What each shipped agent sees in real programs."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from .conftest import Watch

TOOLKIT = """
void gtk_window_set_title(void *window, const char *title) {}
void *gtk_button_new_with_label(const char *label) { return 0; }
"""
GRAPHICAL = """
void gtk_window_set_title(void *window, const char *title);
void *gtk_button_new_with_label(const char *label);
int main(void) {
    gtk_window_set_title(0, "Setup");
    gtk_button_new_with_label("Install the toolbar");
    gtk_button_new_with_label("Install the toolbar");
    return 0;
}
"""
TLS = r"""
#include <openssl/ssl.h>
int main(void) {
    SSL_CTX *context = SSL_CTX_new(TLS_client_method());
    SSL *connection = SSL_new(context);
    SSL_set_tlsext_host_name(connection, "update.example");
    SSL_free(connection);
    return 0;
}
"""


def test_names_looked_up_are_told_once(watch: Watch):
    script = "import socket\nfor name in ('host.invalid', 'host.invalid', '127.0.0.1'):\n"
    script += "    try: socket.getaddrinfo(name, 80)\n    except OSError: pass\n"
    assert watch("/usr/bin/python3", "-c", script).values("net.resolve", "host") == ["host.invalid"]


def test_python_says_what_it_imports_starts_and_asks_for(watch: Watch):
    script = """
import http.server, threading, subprocess, os, urllib.request, http.client
class Answer(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(204)
        self.end_headers()
    do_POST = do_GET
    def log_message(self, *_): pass
server = http.server.HTTPServer(('127.0.0.1', 8123), Answer)
threading.Thread(target=server.serve_forever, daemon=True).start()
urllib.request.urlopen('http://127.0.0.1:8123/by-urllib')
connection = http.client.HTTPConnection('127.0.0.1', 8123)
connection.request('POST', '/by-http', body='x')
connection.getresponse()
subprocess.run(['echo', 'two words'], stdout=subprocess.DEVNULL)
subprocess.run('echo shell > /dev/null', shell=True)
os.waitpid(os.posix_spawn('/bin/true', ['true', 'spawned'], os.environ), 0)
"""
    seen = watch("/usr/bin/python3", "-c", script)
    assert seen.ended.exit_status == 0, seen.output
    assert {"http", "subprocess", "threading"} <= set(seen.values("runtime.import", "module"))
    asked = [(event.fields["method"], event.fields["url"]) for event in seen.of("runtime.request")]
    assert asked == [("GET", "http://127.0.0.1:8123/by-urllib"), ("POST", "//127.0.0.1:8123/by-http")]
    commands = seen.values("runtime.command", "command")
    assert "echo 'two words'" in commands
    assert "/bin/sh -c 'echo shell > /dev/null'" in commands
    assert "true spawned" in commands


def test_python_in_a_library_of_its_own_says_the_same(watch: Watch, compiled: Callable[..., str]):
    import sysconfig

    library = Path(sysconfig.get_config_var("LIBDIR") or "", sysconfig.get_config_var("LDLIBRARY") or "")
    program = os.path.realpath(os.path.join(sysconfig.get_config_var("BINDIR"), "python3"))  # noqa: PTH118
    seen = watch(program, "-c", "import tarfile")
    assert library.exists()
    assert "tarfile" in seen.values("runtime.import", "module")


def test_node_says_which_packages_it_loads_and_what_it_starts(watch: Watch, tmp_path: Path):
    package = tmp_path / "node_modules" / "@scope" / "left-pad"
    package.mkdir(parents=True)
    (package / "index.js").write_text("module.exports = 1;")
    main = tmp_path / "main.js"
    main.write_text("require('@scope/left-pad'); require('child_process').spawnSync('/bin/echo', ['two words']);")
    seen = watch("node", str(main))
    assert seen.ended.exit_status == 0, seen.output
    assert seen.values("runtime.import", "module") == [str(main), "@scope/left-pad"]
    assert seen.values("runtime.command", "command") == ["/bin/echo 'two words'"]


def test_ruby_says_what_it_requires(watch: Watch, tmp_path: Path):
    own = tmp_path / "own.rb"
    own.write_text("")
    seen = watch("ruby", "-e", f"require 'json'; require '{own}'; exit 3")
    assert seen.ended.exit_status == 3
    modules = seen.values("runtime.import", "module")
    assert "json" in modules
    assert str(own) in modules


def test_the_host_of_an_encrypted_connection(watch: Watch, compiled: Callable[..., str]):
    program = compiled(TLS, "-lssl", "-lcrypto")
    assert watch(program, instrument=(program,)).values("tls.open", "host") == ["update.example"]


def test_the_host_and_the_sizes_of_what_python_says_encrypted(watch: Watch):
    script = """
import ssl, sys, tempfile, subprocess
place = tempfile.mkdtemp()
subprocess.run(['openssl', 'req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', place + '/key', '-out',
                place + '/cert', '-days', '1', '-subj', '/CN=it.example'], check=True, capture_output=True)
server, client = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER), ssl.create_default_context(cafile=place + '/cert')
server.load_cert_chain(place + '/cert', place + '/key')
client.check_hostname = False
pipes = [ssl.MemoryBIO() for _ in range(4)]
ours = client.wrap_bio(pipes[0], pipes[1], server_hostname='it.example')
theirs = server.wrap_bio(pipes[2], pipes[3], server_side=True)
def carry():
    pipes[2].write(pipes[1].read()); pipes[0].write(pipes[3].read())
for _ in range(6):
    for side in (ours, theirs):
        try: side.do_handshake()
        except ssl.SSLWantReadError: pass
        carry()
ours.write(b'x' * 1000); carry(); theirs.read(1000)
theirs.write(b'y' * 70); carry(); ours.read(1000)
del ours
"""
    seen = watch("/usr/bin/python3", "-c", script)
    assert seen.ended.exit_status == 0, seen.output
    assert seen.values("tls.open", "host") == ["it.example"]
    (data,) = seen.of("tls.data", host="it.example")
    assert data.fields == {"host": "it.example", "sent": 1000, "received": 70}


def test_node_with_its_own_tls(watch: Watch, tmp_path: Path):
    main = tmp_path / "main.js"
    main.write_text("require('https').get('https://localhost:1/').on('error', () => {});")
    assert watch("node", str(main)).values("tls.open", "host") == ["localhost"]


def test_commands_given_to_a_shell(watch: Watch, compiled: Callable[..., str]):
    program = compiled('#include <stdio.h>\n#include <stdlib.h>\nint main(void)'
                       '{ system("true; exit 3"); pclose(popen("echo $HOME", "r")); return 0; }')  # fmt: skip
    seen = watch(program, instrument=(program,))
    assert [event.fields for event in seen.of("command.run")] == [
        {"command": "true; exit 3", "by": "system"}, {"command": "echo $HOME", "by": "popen"},
    ]  # fmt: skip


def test_libraries_loaded_while_it_runs(watch: Watch):
    seen = watch("/usr/bin/python3", "-c", "import ctypes; ctypes.CDLL('libz.so.1')")
    assert "libz.so.1" in seen.values("library.load", "path")


def test_only_telling_variables_are_told_and_each_once(watch: Watch, compiled: Callable[..., str]):
    program = compiled(
        "#include <stdlib.h>\nint main(void)"
        '{ getenv("HOME"); getenv("AWS_PROFILE"); getenv("AWS_PROFILE"); getenv("NPM_TOKEN"); return 0; }'
    )
    assert watch(program, instrument=(program,)).values("env.read", "name") == ["AWS_PROFILE", "NPM_TOKEN"]


def test_signs_of_a_sandbox_that_an_installer_looks_for(watch: Watch, compiled: Callable[..., str]):
    program = compiled(
        "#include <stdlib.h>\n#include <sys/stat.h>\n#include <unistd.h>\nint main(void) { struct stat s;"
        'stat("/.dockerenv", &s); stat("/.dockerenv", &s); access("/sys/class/dmi/id/product_name", R_OK);'
        'access("/proc/thread-self/status", R_OK); access("/etc/hosts", R_OK); getenv("container"); return 0; }'
    )
    seen = watch(program, instrument=("installers",), subject=program)
    assert [sign for sign in seen.values("sandbox.probe", "sign") if sign != "$LD_PRELOAD"] == [
        "/.dockerenv", "/sys/class/dmi/id/product_name", "/proc/self/status", "$container",
    ]  # fmt: skip


def test_what_windows_say(watch: Watch, compiled: Callable[..., str], tmp_path: Path):
    # A library of GTK's name stands in for GTK: titles go through the same symbols, and no display is needed.
    library = Path(compiled(TOOLKIT, "-shared", "-fPIC", "-Wl,-soname,libgtk-3.so.0"))
    toolkit = tmp_path / "libgtk-3.so.0"
    library.rename(toolkit)
    program = compiled(GRAPHICAL, str(toolkit), f"-Wl,-rpath,{tmp_path}")
    seen = watch(program, instrument=("gui",))
    assert [(event.fields["title"], event.fields["text"]) for event in seen.of("window.open")] == [
        ("Setup", ""), ("", "Install the toolbar"),
    ]  # fmt: skip
