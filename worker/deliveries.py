"""A delivery to a webhook, sent: to a public address that was checked, and of the answer only its status.

An organizer chooses the address, so it is hostile: its name is resolved here, once for each attempt, every
address that comes of it is checked, and the connection goes to one of those; TLS still proves the name.
"""

import socket
import ssl
from dataclasses import dataclass
from urllib.parse import SplitResult

import anyio
import anyio.to_thread
import httpx2

from core import addresses
from core.errors import InvalidWebhookError, LetheError
from core.webhooks import Message

TIMEOUT_S = 10.0
"""What one attempt takes at most, from the name to the status of the answer."""

_MAX_ADDRESSES = 4
_DEFAULT_PORTS = {"http": 80, "https": 443}


class NotCalledError(LetheError):
    """A webhook's name leads nowhere that Lethe would call."""


@dataclass(frozen=True)
class Outcome:
    """How an attempt ended: what was answered, if anything, and what is wrong with that; empty: nothing."""

    status: int | None
    problem: str


async def send(message: Message) -> Outcome:
    """Send a message once; the outcome's words are for organizers, and say nothing of our network."""
    try:
        with anyio.fail_after(TIMEOUT_S):
            status = await _post(message)
    except TimeoutError:
        return Outcome(None, f"The address did not answer within {TIMEOUT_S:.0f} s.")
    except (NotCalledError, InvalidWebhookError) as error:
        return Outcome(None, str(error))
    except httpx2.TransportError as error:
        return Outcome(None, f"The address could not be reached: {error or type(error).__name__}")
    if 200 <= status < 300:
        return Outcome(status, "")
    return Outcome(status, f"The address answered {status}; 2xx is expected, redirects are not followed.")


async def _post(message: Message) -> int:
    parts = addresses.check_url(message.url)  # as strict as the settings are now
    found = await _resolve(parts)
    # Neither the proxies nor the logins of this process's environment: only what was checked is called.
    async with httpx2.AsyncClient(
        trust_env=False, verify=ssl.create_default_context(), follow_redirects=False, timeout=TIMEOUT_S
    ) as client:
        for position, address in enumerate(found, start=1):
            try:
                return await _post_to(client, parts, address, message)
            except httpx2.ConnectError:
                if position == len(found):
                    raise
    raise AssertionError("`_resolve` returns at least one address")


async def _post_to(client: httpx2.AsyncClient, parts: SplitResult, address: str, message: Message) -> int:
    host = f"[{address}]" if ":" in address else address
    pinned = parts._replace(netloc=f"{host}:{_port(parts)}").geturl()
    request = client.build_request(
        "POST",
        pinned,
        content=message.body,
        headers=message.headers | {"host": parts.netloc, "accept-encoding": "identity"},
        # The name that the certificate must be for.
        extensions={"sni_hostname": parts.hostname},
    )
    response = await client.send(request, stream=True)
    await response.aclose()  # the body is nothing to us, however long it is
    return response.status_code


async def _resolve(parts: SplitResult) -> list[str]:
    """Return the addresses of a name, in the order in which to try them.

    Raises:
        NotCalledError: it has none, or one of them is not public: then none of the others is trusted either.
    """
    assert parts.hostname is not None
    try:
        found = await anyio.to_thread.run_sync(resolve, parts.hostname, _port(parts), abandon_on_cancel=True)
    except OSError as error:
        raise NotCalledError(f"The name {parts.hostname} cannot be resolved.") from error
    if not found or not all(addresses.is_callable(address) for address in found):
        raise NotCalledError(f"The name {parts.hostname} resolves to an address that is not public.")
    return found[:_MAX_ADDRESSES]


def resolve(name: str, port: int) -> list[str]:
    """Return the addresses that the system's resolver knows of a name."""
    found = socket.getaddrinfo(name, port, type=socket.SOCK_STREAM)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


def _port(parts: SplitResult) -> int:
    return parts.port or _DEFAULT_PORTS[parts.scheme]
