"""Where a request comes from, and where it may send a browser next."""

import re
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Annotated

from fastapi import Depends, Request

from core.settings import get_settings

# Browsers take `//host` and `/\host` for another site, and drop tabs and line breaks before they look.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def client_address(request: Request) -> str:
    """Return the address of the client, as far as the proxies that we trust vouch for it.

    Of IPv6 it is the network of 64 bits that one subscriber has: the rest is theirs to choose.
    """
    peer = request.client.host if request.client else ""
    hops = get_settings().trusted_proxies
    forwarded = [one.strip() for one in ",".join(request.headers.getlist("X-Forwarded-For")).split(",")]
    # Whatever stands before what our own proxies added, the client may have written itself.
    address = forwarded[-hops] if 0 < hops <= len(forwarded) else peer
    try:
        parsed = ip_address(address)
    except ValueError:
        return peer
    if isinstance(parsed, IPv6Address):
        return str(parsed.ipv4_mapped or IPv6Network((parsed, 64), strict=False))
    return str(parsed)


ClientAddress = Annotated[str, Depends(client_address)]


def local_path(path: str) -> str:
    """Return a path of this site as it is, and the start page instead of anything else."""
    return path if _LOCAL.fullmatch(path) else "/"
