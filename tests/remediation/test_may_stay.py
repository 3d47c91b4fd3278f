"""What an undo may leave where others changed it since, by the shipped plugins; and what it may not."""

from __future__ import annotations

import pytest

from pratique import MayStay, hookimpl
from pratique.host import Host
from pratique.run.staying import may_stay


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/dpkg/status-old", "/var/lib/dpkg/diversions-old", "/var/log/apt/eipp.log.xz", "/var/log/dpkg.log.1",
        "/var/cache/apt/pkgcache.bin", "/var/cache/debconf/config.dat-old", "/etc/ld.so.cache", "/etc/shadow-",
        "/var/cache/man/de/index.db", "/usr/share/applications/mimeinfo.cache", "/usr/share/mime/globs2",
        "/usr/lib/x86_64-linux-gnu/gdk-pixbuf-2.0/2.10.0/loaders.cache", "/usr/share/icons/hicolor/icon-theme.cache",
        "/root/.npm", "/home/a/.npm/_cacache/index-v5/00/11/22", "/home/a/.npm/_logs/x-debug-0.log",
        "/home/a/.npm/_update-notifier-last-checked", "/home/a/x/node_modules",
        "/home/a/x/node_modules/.package-lock.json",
        "/home/a/.cache/pip/http-v2/a/b/x.body", "/home/a/.local/lib/python3.11/site-packages", "/home/a/.local/bin",
    ],
)  # fmt: skip
def test_what_others_write_anew_may_stay(state, path):
    assert may_stay(Host.open())(path)


@pytest.mark.parametrize(
    "path",
    [
        "/var/lib/dpkg/status", "/var/lib/dpkg/info/x.list", "/etc/shadow", "/etc/passwd", "/etc/x-", "/opt/app",
        "/root/.npm/_npx/0123/package.json", "/root/.npmrc", "/home/a/x/node_modules/y", "/home/a/x/package-lock.json",
        "/home/a/.local/bin/tool", "/home/a/.local/lib/python3.11/site-packages/x/__init__.py", "/home/a/.config/x",
        "/usr/share/mime/packages/x.xml", "/home/a/.cache/x",
    ],
)  # fmt: skip
def test_what_an_installation_brought_for_itself_may_not(state, path):
    assert may_stay(Host.open())(path) == ""


class Wrong:
    def __init__(self, glob):
        self.glob = glob

    @hookimpl
    def may_stay(self):
        return [MayStay(what="all", paths=("/right", self.glob))]


@pytest.mark.parametrize("glob", ["/a**/b", "~/.cache", "**/x", "/{" + ",".join(map(str, range(2000))) + "}"])
def test_a_glob_that_cannot_be_is_the_plugins_fault(glob):
    host = Host.of({"wrong": Wrong(glob)})
    assert may_stay(host)("/right") == ""
    assert "expected MayStay whose paths are globs" in host.failures()[0].message
