"""Throttling: counted in Valkey for all processes, and in this one while that is away."""

from datetime import UTC, datetime, timedelta

import pytest
import time_machine

from core import throttle
from core.errors import RateLimitedError
from core.settings import get_settings
from core.throttle import Allowance

TWICE = Allowance("tests", tries=2, period_s=600)
START = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture(params=["alone", "together"])
def counting(request: pytest.FixtureRequest, home: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """Count without a broker, and with one."""
    if request.param == "together":
        monkeypatch.setenv("LETHE_BROKER_URL", request.getfixturevalue("broker_url"))
        get_settings.cache_clear()


def test_tries_beyond_the_allowance_are_refused_until_the_window_has_moved_on(counting: None) -> None:
    with time_machine.travel(START, tick=False) as clock:
        throttle.take(TWICE, "ada")
        clock.shift(timedelta(seconds=400))
        throttle.take(TWICE, "ada")
        with pytest.raises(RateLimitedError) as refused:
            throttle.take(TWICE, "ada")
        assert refused.value.retry_after_s == 200
        with pytest.raises(RateLimitedError, match="4 minutes"):
            throttle.check(TWICE, "ada")
        throttle.take(TWICE, "bob")
        clock.shift(timedelta(seconds=201))
        throttle.check(TWICE, "ada")
        throttle.take(TWICE, "ada")
        with pytest.raises(RateLimitedError):
            throttle.take(TWICE, "ada")


def test_forgotten_tries_do_not_count(counting: None) -> None:
    for _ in range(2):
        throttle.take(TWICE, "ada")
    throttle.forget(TWICE, "ada")
    throttle.take(TWICE, "ada")


def test_processes_count_together(
    home: object,
    broker_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("LETHE_BROKER_URL", broker_url)
    get_settings.cache_clear()
    for _ in range(2):
        throttle.counter.cache_clear()  # as another process would begin
        throttle.take(TWICE, "ada")
    throttle.counter.cache_clear()
    with pytest.raises(RateLimitedError):
        throttle.take(TWICE, "ada")


def test_any_text_names_somebody(counting: None) -> None:
    for who in ("", "\0", "\ud800", "x" * 100_000, "a/b", "ä"):
        throttle.take(TWICE, who)
