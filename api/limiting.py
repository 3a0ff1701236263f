"""How often somebody may ask: every request counts, by its class, for an account or else for an address."""

import ipaddress

from starlette.requests import Request

from core import throttle
from core.access import Principal
from core.settings import get_settings
from core.throttle import Allowance

_READS = frozenset({"GET", "HEAD"})
_HEALTH = frozenset({"/healthz", "/readyz"})
_PERIOD_S = 60


def count(request: Request, principal: Principal | None) -> None:
    """Count a request for whoever sends it; health checks are free.

    Raises:
        RateLimitedError: there were too many of its class in the last minute.
    """
    if request.url.path in _HEALTH:
        return
    settings = get_settings()
    if request.method in _READS:
        allowance = Allowance("reads", settings.reads_per_minute, _PERIOD_S)
    elif request.url.path.endswith("/submissions"):
        allowance = Allowance("uploads", settings.uploads_per_minute, _PERIOD_S)
    else:
        allowance = Allowance("writes", settings.writes_per_minute, _PERIOD_S)
    _take(allowance, address_of(request) if principal is None else str(principal.user.id))


def count_stranger(request: Request) -> None:
    """Count a proof that is not good for the address that it came from: guessing is slow.

    Raises:
        RateLimitedError: there were too many in the last minute.
    """
    allowance = Allowance("strangers", get_settings().strangers_per_minute, _PERIOD_S)
    _take(allowance, address_of(request))


def _take(allowance: Allowance, who: str) -> None:
    if allowance.tries:
        throttle.take(allowance, who)


def address_of(request: Request) -> str:
    """Return where a request comes from; of IPv6 the network of one customer, who has 2⁶⁴ addresses.

    Behind `trusted_proxies` it is what the first of them saw: whatever stands before that in
    `X-Forwarded-For`, the client may have written itself.
    """
    host = request.client.host if request.client else "unknown"
    n_proxies = get_settings().trusted_proxies
    if n_proxies:
        forwarded = ",".join(request.headers.getlist("X-Forwarded-For")).split(",")
        host = forwarded[-n_proxies].strip() if len(forwarded) >= n_proxies else host
    try:
        address = ipaddress.ip_address(host)
    except ValueError:
        return host
    if isinstance(address, ipaddress.IPv4Address):
        return host
    if address.ipv4_mapped is not None:
        return str(address.ipv4_mapped)
    return str(ipaddress.ip_network((address, 64), strict=False))
