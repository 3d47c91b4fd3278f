"""What a policy's destinations mean, for names and for the addresses they lead to."""

from __future__ import annotations

from ipaddress import ip_address

import psutil
import pytest

from pratique.sandbox.network.destinations import host_name, parse


def refused(destinations: tuple[str, ...], address: str, *names: str) -> bool:
    return bool(parse(destinations).refusal(ip_address(address), names))


def test_names_patterns_and_anywhere():
    some = parse(("PyPI.org", "*.pythonhosted.org", "bücher.example"))
    assert some.allow_name("pypi.org")
    assert some.allow_name("files.pythonhosted.org")
    assert some.allow_name("xn--bcher-kva.example")
    assert not some.allow_name("pythonhosted.org")
    assert not some.allow_name("pypi.org.evil.example")
    assert parse(()).anywhere
    assert parse(("*",)).allow_name("whatever.example")


def test_an_address_is_reached_by_a_name_that_may_be_or_by_itself():
    assert not refused(("pypi.org",), "151.101.0.223", "pypi.org")
    assert refused(("pypi.org",), "151.101.0.223", "evil.example")
    assert refused(("pypi.org",), "151.101.0.223")
    assert not refused(("151.101.0.0/16",), "151.101.0.223")
    assert not refused(("2a04:4e42::/32",), "2a04:4e42::223")


@pytest.mark.parametrize(
    "address",
    ["127.0.0.1", "10.1.2.3", "172.20.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.251",
     "255.255.255.255", "::1", "fe80::1", "fd00::1", "ff02::1", "::ffff:10.0.0.1", "64:ff9b::a00:1", "2002:a00:1::1"],
)  # fmt: skip
def test_the_house_is_reached_only_by_a_name_written_out(address):
    assert refused((), address)
    assert refused(("*",), address, "evil.example")
    assert refused(("*.evil.example",), address, "a.evil.example")
    assert not refused(("registry.house",), address, "registry.house")


def test_this_machine_s_own_addresses_are_of_the_house_whatever_they_are():
    own = [
        one.address for addresses in psutil.net_if_addrs().values() for one in addresses if one.family.name == "AF_INET"
    ]
    assert own
    assert all(refused((), address) for address in own)


def test_what_is_no_host_name():
    assert host_name("A.Example.") == "a.example"
    for text in ("", ".", "a b.example", "a..example", "x" * 64 + ".example", "a/b", "\\000.example", "ü.example"):
        assert host_name(text) == ""
