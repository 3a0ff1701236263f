"""Which addresses Lethe calls because somebody asked for it: public ones over TLS, never its surroundings."""

import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from urllib.parse import SplitResult, urlsplit

from core.errors import InvalidWebhookError
from core.settings import get_settings

_PORTS = {443, 8443}
_MAX_URL = 2000
_VISIBLE = re.compile(r"[!-~]+")
_LABEL = r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?"
# The last label begins with a letter: neither 127.1 nor 127.0x1 nor any other spelling of a number is a name.
_NAME = re.compile(rf"(?=.{{1,253}}$)({_LABEL}\.)+(?=[a-z]){_LABEL}")
_LOCAL_NAMES = {"localhost", "127.0.0.1", "::1"}

_GLOBAL_UNICAST = IPv6Network("2000::/3")
_NOT_PUBLIC = (
    IPv4Network("192.0.0.0/24"),  # protocol assignments
    IPv4Network("192.88.99.0/24"),  # 6to4 relays
    IPv6Network("2001::/23"),  # protocol assignments; Teredo, which carries IPv4 addresses
    IPv6Network("2002::/16"),  # 6to4: carries IPv4 addresses
    IPv6Network("3fff::/20"),  # documentation
)


def check_url(url: str) -> SplitResult:
    """Return the parts of an address that a webhook may have; what its name resolves to is checked later.

    Raises:
        InvalidWebhookError: it is not `https://name[:port]/…`, with a public name and a usual port.
    """
    if len(url) > _MAX_URL or not _VISIBLE.fullmatch(url):
        raise InvalidWebhookError(f"An address is at most {_MAX_URL} characters of ASCII, without spaces.")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError as error:
        raise InvalidWebhookError("This is not an address.") from error
    if parts.username is not None or parts.password is not None or "@" in parts.netloc:
        raise InvalidWebhookError("An address holds no name or password; deliveries are signed instead.")
    if parts.fragment:
        raise InvalidWebhookError("An address ends before any `#`.")
    if get_settings().webhook_loopback and parts.hostname in _LOCAL_NAMES:
        if parts.scheme in {"http", "https"}:
            return parts
    elif parts.scheme == "https" and _NAME.fullmatch(parts.hostname or ""):
        if port in {None, *_PORTS} or get_settings().webhook_loopback:
            return parts
        raise InvalidWebhookError("A webhook listens on port 443 or 8443.")
    raise InvalidWebhookError("An address looks like `https://hooks.example.org/lethe`, with a public name.")


def is_callable(address: str) -> bool:
    """Return whether a name may resolve to this: public, or this host where the settings allow that."""
    found = ip_address(address)
    return is_public(found) or (get_settings().webhook_loopback and found.is_loopback)


def is_public(address: IPv4Address | IPv6Address) -> bool:
    """Return whether an address is somewhere in the internet, and stands for no other one.

    So not: private, loopback, link-local, multicast or reserved ones, and not the IPv6 addresses that
    translators turn into an IPv4 address, which may be any of those (mapped, NAT64, 6to4, Teredo).
    """
    if isinstance(address, IPv6Address) and (address.scope_id or address not in _GLOBAL_UNICAST):
        return False
    return (
        address.is_global
        and not address.is_multicast
        and not address.is_reserved
        and not any(address in network for network in _NOT_PUBLIC if network.version == address.version)
    )
