"""What of the person's environment a program in quarantine gets to see.

Variables are how a desktop session hands out its keys: the display, the message bus, the agents. So an allow-list is
taken from the host, and what leads out is never passed, whoever asks.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

_KEPT = frozenset({
    "PATH", "LANG", "LANGUAGE", "TZ", "TERM", "COLORTERM", "NO_COLOR", "COLUMNS", "LINES", "EDITOR", "VISUAL",
    "PAGER", "SHELL", "SOURCE_DATE_EPOCH",
})  # fmt: skip
#: What a package manager needs to find its registry; of use only where there is a network.
_FOR_NETWORK = frozenset({
    "http_proxy", "https_proxy", "ftp_proxy", "no_proxy", "all_proxy", "SSL_CERT_FILE", "SSL_CERT_DIR",
    "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE", "GIT_SSL_CAINFO", "NODE_EXTRA_CA_CERTS",
})  # fmt: skip
#: Read from files as well as from the network, so useful without one too.
_REGISTRIES = ("PIP_", "UV_", "NPM_CONFIG_", "npm_config_", "YARN_")
_LEADS_OUT = frozenset({
    "DBUS_SESSION_BUS_ADDRESS", "DBUS_SYSTEM_BUS_ADDRESS", "DBUS_STARTER_ADDRESS", "DISPLAY", "WAYLAND_DISPLAY",
    "WAYLAND_SOCKET", "XAUTHORITY", "SSH_AUTH_SOCK", "SSH_AGENT_PID", "SSH_CONNECTION", "SSH_CLIENT", "SSH_TTY",
    "GPG_AGENT_INFO", "GNOME_KEYRING_CONTROL", "PULSE_SERVER", "PIPEWIRE_REMOTE", "NOTIFY_SOCKET", "LISTEN_FDS",
    "LISTEN_PID", "LISTEN_FDNAMES", "INVOCATION_ID", "JOURNAL_STREAM", "SESSION_MANAGER", "DESKTOP_STARTUP_ID",
    "XDG_ACTIVATION_TOKEN", "DOCKER_HOST", "SUDO_ASKPASS", "SSH_ASKPASS", "PRATIQUE_STATE", "PRATIQUE_CONFIG",
})  # fmt: skip
#: Settings of a package manager that are secrets; registry credentials stay outside.
_SECRET_WORDS = ("AUTH", "TOKEN", "PASSWORD", "PASSWD", "SECRET", "USERNAME")


def from_host(
    host: Mapping[str, str], *, home: str, user: str, uid: int, network: str = "none",
    destinations: tuple[str, ...] = (), attended: bool = False,
) -> dict[str, str]:  # fmt: skip
    """The environment a session starts from: the allowed part of `host`, and who and where the program is.

    A proxy gets in with a network that leads to it: an observed one does when its `destinations` name it.
    """
    kept = {
        name: value
        for name, value in host.items()
        if name in _KEPT or name.startswith(("LC_", *_REGISTRIES)) or (network != "none" and _reaches(name))
        if network != "observed" or not _is_proxy(name) or _host(value) in destinations
    }
    kept |= {"HOME": home, "USER": user, "LOGNAME": user, "XDG_RUNTIME_DIR": f"/run/user/{uid}"}
    kept.setdefault("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")
    if not attended:
        kept |= {"TERM": "dumb", "DEBIAN_FRONTEND": "noninteractive"}
    else:
        kept.setdefault("TERM", "linux")
    return without_ways_out(kept)


def without_ways_out(environment: Mapping[str, str]) -> dict[str, str]:
    """The same without what names a socket, a display or an agent of the host, and without registry credentials."""
    return {name: value for name, value in environment.items() if name not in _LEADS_OUT and not _secret(name)}


def _reaches(name: str) -> bool:
    return name in _FOR_NETWORK or name.lower() in _FOR_NETWORK


def _is_proxy(name: str) -> bool:
    return name.lower().endswith("_proxy") and name.lower() != "no_proxy"


def _host(proxy: str) -> str:
    try:
        return urlsplit(proxy if "://" in proxy else f"//{proxy}").hostname or ""
    except ValueError:
        return ""


def _secret(name: str) -> bool:
    upper = name.upper()
    return upper.startswith(tuple(prefix.upper() for prefix in _REGISTRIES)) and any(
        word in upper for word in _SECRET_WORDS
    )
