"""Only public addresses are called, however they are spelt."""

from ipaddress import ip_address

import pytest
from hypothesis import given
from hypothesis import strategies as st

from core import addresses
from core.errors import InvalidWebhookError
from core.settings import get_settings


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.example.org",
        "https://hooks.example.org/a/b?c=d",
        "https://HOOKS.example.org:8443/x",
        "https://xn--bcher-kva.example:443/",
    ],
)
def test_public_https_address_is_taken(url: str) -> None:
    assert addresses.check_url(url).scheme == "https"


@pytest.mark.parametrize(
    "url",
    [
        "",
        "hooks.example.org",
        "http://hooks.example.org/",
        "ftp://hooks.example.org/",
        "https://",
        "https://localhost/",
        "https://intranet/",
        "https://127.0.0.1/",
        "https://127.1/",
        "https://127.0x1/",
        "https://2130706433/",
        "https://0x7f000001/",
        "https://[::1]/",
        "https://[::ffff:127.0.0.1]/",
        "https://93.184.216.34/",
        "https://hooks.example.org./",
        "https://hooks.example.org:22/",
        "https://hooks.example.org:80/",
        "https://hooks.example.org:0/",
        "https://hooks.example.org:99999/",
        "https://user:password@hooks.example.org/",
        "https://@hooks.example.org/",
        "https://hooks.example.org@127.0.0.1/",
        "https://hooks.example.org/#part",
        "https://hooks.example.org/ x",
        "https://hooks.example.org/\r\nHost: other",
        "https://hooks.example.org\\@127.0.0.1/",
        "https://bücher.example/",
        "https://hooks.example.org/" + "a" * 2000,
    ],
)
def test_other_address_is_refused(url: str) -> None:
    with pytest.raises(InvalidWebhookError):
        addresses.check_url(url)


@pytest.mark.parametrize("address", ["93.184.216.34", "1.1.1.1", "2606:4700:4700::1111", "2a00:1450::1"])
def test_public_address_is_called(address: str) -> None:
    assert addresses.is_callable(address)


@pytest.mark.parametrize(
    "address",
    [
        "0.0.0.0",
        "10.1.2.3",
        "100.64.0.1",
        "127.0.0.1",
        "127.255.255.254",
        "169.254.169.254",
        "172.16.0.1",
        "192.0.0.9",
        "192.0.2.1",
        "192.88.99.1",
        "192.168.1.1",
        "198.18.0.1",
        "203.0.113.1",
        "224.0.0.1",
        "239.255.255.250",
        "233.252.0.1",
        "240.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "::127.0.0.1",
        "::ffff:127.0.0.1",
        "::ffff:93.184.216.34",
        "64:ff9b::7f00:1",
        "64:ff9b::5db8:d822",
        "64:ff9b:1::1",
        "100::1",
        "2001::1",
        "2001:db8::1",
        "2002:7f00:1::",
        "3fff::1",
        "5f00::1",
        "fc00::1",
        "fd00:ec2::254",
        "fe80::1",
        "fe80::1%eth0",
        "2606:4700::1%eth0",
        "fec0::1",
        "ff02::1",
        "4000::1",
    ],
)
def test_address_that_is_not_public_is_not_called(address: str) -> None:
    assert not addresses.is_callable(address)


@given(st.ip_addresses())
def test_called_address_is_global_and_no_translation(address: object) -> None:
    found = ip_address(str(address))
    if addresses.is_public(found):
        assert found.is_global
        assert not any((found.is_private, found.is_loopback, found.is_link_local, found.is_multicast))
        assert getattr(found, "ipv4_mapped", None) is None
        assert getattr(found, "sixtofour", None) is None
        assert getattr(found, "teredo", None) is None


def test_loopback_is_called_where_the_settings_allow_it_and_nothing_else_of_ours(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LETHE_WEBHOOK_LOOPBACK", "true")
    get_settings.cache_clear()
    try:
        assert addresses.check_url("http://localhost:9000/x").port == 9000
        assert addresses.is_callable("127.0.0.1")
        assert not addresses.is_callable("169.254.169.254")
        assert not addresses.is_callable("10.0.0.1")
        with pytest.raises(InvalidWebhookError):
            addresses.check_url("http://hooks.example.org/")
        monkeypatch.setenv("LETHE_MODE", "production")
        get_settings.cache_clear()
        with pytest.raises(ValueError, match="may not call this host in production"):
            get_settings()
    finally:
        get_settings.cache_clear()
