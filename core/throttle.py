"""Throttling: how often something may be tried in a while, by whom.

All API processes count together, in the broker's Valkey. While it does not answer each counts for itself: a
broken broker must neither lock everybody out nor let anybody guess without end. What it forgets is counts
only, so the database is spared a write for every try.
"""

import hashlib
import math
import time
from collections.abc import Callable
from functools import lru_cache
from typing import NamedTuple, TypeVar

import structlog
from limits import RateLimitItemPerSecond
from limits.errors import StorageError
from limits.storage import MemoryStorage, RedisStorage
from limits.strategies import MovingWindowRateLimiter

from core.errors import RateLimitedError
from core.settings import get_settings

log = structlog.get_logger(__name__)

_Answer = TypeVar("_Answer")
_TIMEOUT_S = 1.0
_COUNT_ALONE_S = 10.0
"""How long a process counts for itself before it asks a Valkey again that did not answer."""


class Allowance(NamedTuple):
    """How often one thing may be tried in any `period_s` seconds."""

    name: str
    tries: int
    period_s: int


def take(allowance: Allowance, who: str) -> None:
    """Count a try of somebody.

    Args:
        allowance: what is tried.
        who: any text that names who tries: an account, an address.

    Raises:
        RateLimitedError: there were too many already; this one is not counted.
    """
    if not counter().ask(lambda limiter: limiter.hit(_item(allowance), *_key(allowance, who))):
        _refuse(allowance, who)


def check(allowance: Allowance, who: str) -> None:
    """Do the same without counting a try."""
    if not counter().ask(lambda limiter: limiter.test(_item(allowance), *_key(allowance, who))):
        _refuse(allowance, who)


def forget(allowance: Allowance, who: str) -> None:
    """Let somebody start anew."""
    counter().ask(lambda limiter: limiter.clear(_item(allowance), *_key(allowance, who)))


def _refuse(allowance: Allowance, who: str) -> None:
    stats = counter().ask(lambda limiter: limiter.get_window_stats(_item(allowance), *_key(allowance, who)))
    seconds = max(1, math.ceil(stats.reset_time - time.time()))
    minutes = math.ceil(seconds / 60)
    when = f"{seconds} seconds" if seconds < 120 else f"{minutes} minutes"
    raise RateLimitedError(f"Too many tries. Try again in {when}.", retry_after_s=seconds)


def _item(allowance: Allowance) -> RateLimitItemPerSecond:
    return RateLimitItemPerSecond(allowance.tries, allowance.period_s, namespace="lethe")


def _key(allowance: Allowance, who: str) -> tuple[str, str]:
    return allowance.name, hashlib.sha256(who.encode("utf-8", "surrogatepass")).hexdigest()


class Counter:
    """Counts in Valkey while it answers, else in this process."""

    def __init__(self, broker_url: str) -> None:
        # Celery calls a socket by another scheme than `limits` does.
        url = broker_url.replace("redis+socket://", "redis+unix://")
        shared = RedisStorage(
            url, wrap_exceptions=True, socket_connect_timeout=_TIMEOUT_S, socket_timeout=_TIMEOUT_S
        )
        self._shared = MovingWindowRateLimiter(shared)
        self._own = MovingWindowRateLimiter(MemoryStorage())
        self._alone_until = 0.0

    def ask(self, question: Callable[[MovingWindowRateLimiter], _Answer]) -> _Answer:
        """Return what the counts say."""
        if time.monotonic() >= self._alone_until:
            try:
                return question(self._shared)
            except StorageError as error:
                log.warning("throttle_counts_alone", error=str(error.storage_error))
                self._alone_until = time.monotonic() + _COUNT_ALONE_S
        return question(self._own)


@lru_cache
def counter() -> Counter:
    """Return the counter of this process."""
    return Counter(get_settings().resolved_broker_url())
