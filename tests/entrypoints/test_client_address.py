"""By which address a request without a key is counted."""

from ipaddress import ip_network
from typing import Any

import pytest

from entrypoints.http.client_address import client_address

PROXIES = (ip_network("10.0.0.0/8"), ip_network("::1/128"))


def a_scope(client: str | None, *forwarded: str, **others: str) -> dict[str, Any]:
    headers = [(b"x-forwarded-for", value.encode()) for value in forwarded]
    headers += [(name.replace("_", "-").encode(), value.encode()) for name, value in others.items()]
    return {"client": None if client is None else (client, 5), "headers": headers}


@pytest.mark.parametrize("forwarded", ["1.2.3.4", "127.0.0.1", "10.0.0.1", "", "::1", "unknown"])
def test_nobody_untrusted_says_where_it_comes_from(forwarded: str) -> None:
    others = {"x_real_ip": forwarded, "forwarded": f"for={forwarded}", "cf_connecting_ip": forwarded}
    assert client_address(a_scope("203.0.113.9", forwarded, **others), PROXIES) == "203.0.113.9"
    assert client_address(a_scope("10.0.0.1", forwarded, **others), ()) == "10.0.0.1"


@pytest.mark.parametrize(
    ("forwarded", "expected"),
    [
        (["198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6, 198.51.100.7"], "198.51.100.7"),
        (["6.6.6.6", "198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, 10.1.1.1 , 10.2.2.2"], "198.51.100.7"),
        (["10.1.1.1, 10.2.2.2"], "10.1.1.1"),
        (["198.51.100.7:4711"], "198.51.100.7"),
        (["[2001:db8:1:2:3::4]:4711"], "2001:db8:1:2::/64"),
        (["::ffff:198.51.100.7"], "198.51.100.7"),
        (["198.51.100.7, nonsense"], "10.0.0.1"),
        (["198.51.100.7, nonsense, 10.3.3.3"], "10.3.3.3"),
        ([""], "10.0.0.1"),
        ([], "10.0.0.1"),
        (["6.6.6.6, " + "10.0.0.2, " * 40 + "10.0.0.3"], "10.0.0.2"),
    ],
)
def test_a_trusted_proxy_is_believed_and_what_came_before_an_untrusted_hop_is_not(
    forwarded: list[str], expected: str
) -> None:
    assert client_address(a_scope("10.0.0.1", *forwarded), PROXIES) == expected


@pytest.mark.parametrize(
    ("client", "expected"),
    [
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("192.0.2.1", "192.0.2.1"),
        (None, "unknown"),
        ("/run/socket", "unknown"),
    ],
)
def test_an_ipv6_network_of_64_bits_is_one_caller(client: str | None, expected: str) -> None:
    assert client_address(a_scope(client), PROXIES) == expected
