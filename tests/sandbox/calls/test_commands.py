"""What command lines ask of the service manager, the firewall and the kernel's modules."""

from __future__ import annotations

import shlex

import pytest

from pratique.sandbox.calls.commands import asked

CASES = {
    "systemctl start ssh": [("ssh", "start")],
    "systemctl --no-block -q restart a.service b": [("a.service", "restart"), ("b", "restart")],
    "systemctl -t service stop x": [("x", "stop")],
    "systemctl daemon-reload": [("", "daemon-reload")],
    "systemctl enable x": [],
    "systemctl enable --now x": [("x", "start")],
    "systemctl mask --now x": [("x", "stop")],
    "systemctl is-active x": [],
    "systemctl": [],
    "systemctl --version": [],
    "service nginx restart": [("nginx", "restart")],
    "service nginx status": [],
    "invoke-rc.d --quiet nginx start": [("nginx", "start")],
    "/sbin/reboot": [("", "reboot")],
    "initctl stop x": [("x", "stop")],
    "iptables -A INPUT -j DROP": ["iptables -A INPUT -j DROP"],
    "iptables -L": [],
    "ip6tables-restore": [],
    "iptables-restore -n rules": ["iptables-restore -n rules"],
    "nft list ruleset": [],
    "nft -f rules": ["nft -f rules"],
    "ufw enable": ["ufw enable"],
    "ufw status": [],
    "firewall-cmd --add-port=1/tcp": ["firewall-cmd --add-port=1/tcp"],
    "modprobe -v vboxdrv": ["vboxdrv"],
    "insmod /lib/modules/x/evil.ko.xz": ["evil"],
    "modprobe --dry-run x": [],
    "rmmod x": [],
    "kmod insmod a.ko": ["a"],
    "cp systemctl start": [],
    "start": [],
}


@pytest.mark.parametrize("line", CASES)
def test_what_is_asked(line):
    words = shlex.split(line)
    found = [
        (one.fields["name"], one.fields["verb"]) if one.kind == "service.control" else next(iter(one.fields.values()))
        for one in asked(words, f"/usr/bin/{words[0].rpartition('/')[2]}")
    ]
    assert found == CASES[line]


def test_one_program_of_many_names_goes_by_the_one_it_was_called():
    (one,) = asked(["iptables", "-F"], "/usr/sbin/xtables-nft-multi")
    assert (one.kind, one.fields) == ("firewall.change", {"command": "iptables -F"})
