"""What of the person's environment gets in."""

from __future__ import annotations

from pratique.sandbox.environment import from_host, without_ways_out

DESKTOP = {
    "PATH": "/usr/bin", "LANG": "C.UTF-8", "LC_TIME": "de_DE.UTF-8", "TERM": "xterm", "HOME": "/home/ann",
    "DISPLAY": ":0", "DBUS_SESSION_BUS_ADDRESS": "unix:path=/run/user/1000/bus", "SSH_AUTH_SOCK": "/tmp/agent",
    "AWS_SECRET_ACCESS_KEY": "secret", "GITHUB_TOKEN": "secret", "LD_PRELOAD": "x.so", "PYTHONPATH": "/x",
    "https_proxy": "http://proxy:3128", "PIP_INDEX_URL": "https://pypi.example/simple",
    "NPM_CONFIG__AUTHTOKEN": "secret", "npm_config_registry": "https://npm.example", "PIP_PASSWORD": "secret",
}  # fmt: skip


def test_only_what_is_named_gets_in():
    got = from_host(DESKTOP, home="/root", user="root", uid=0)
    assert got == {
        "PATH": "/usr/bin", "LANG": "C.UTF-8", "LC_TIME": "de_DE.UTF-8", "TERM": "dumb", "HOME": "/root",
        "USER": "root", "LOGNAME": "root", "XDG_RUNTIME_DIR": "/run/user/0", "DEBIAN_FRONTEND": "noninteractive",
        "PIP_INDEX_URL": "https://pypi.example/simple", "npm_config_registry": "https://npm.example",
    }  # fmt: skip


def test_proxies_get_in_with_the_network():
    got = from_host(DESKTOP, home="/root", user="root", uid=0, network="host")
    assert got["https_proxy"] == "http://proxy:3128"


def test_somebody_at_the_terminal_keeps_its_type():
    got = from_host(DESKTOP, home="/root", user="root", uid=0, attended=True)
    assert got["TERM"] == "xterm"
    assert "DEBIAN_FRONTEND" not in got


def test_ways_out_are_shut_whoever_asks(quarantine):
    session = quarantine("env", environment={"DISPLAY": ":0", "SSH_AUTH_SOCK": "/tmp/x", "FINE": "1"})
    said = []
    session.run(on_output=lambda data, _: said.append(data))
    lines = b"".join(said).decode().splitlines()
    assert "FINE=1" in lines
    assert not any(line.startswith(("DISPLAY=", "SSH_AUTH_SOCK=")) for line in lines)
    assert without_ways_out(DESKTOP).keys().isdisjoint({"DISPLAY", "DBUS_SESSION_BUS_ADDRESS", "PIP_PASSWORD"})
