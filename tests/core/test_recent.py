"""Values that are kept for a moment, and made once for all who ask."""

import threading
import time

import pytest

from core.recent import Recent


def test_value_is_made_anew_only_after_its_time() -> None:
    recent, made = Recent[int](), []
    recent_get = lambda: recent.get("a", lambda: made.append(1) or len(made), age_s=10.0)  # noqa: E731
    assert [recent_get(), recent_get()] == [1, 1]
    assert recent.get("b", lambda: 7, age_s=10.0) == 7
    assert recent.get("a", lambda: 9, age_s=0.0) == 9
    assert recent.get("a", lambda: 2, age_s=1e-9) == 2


def test_many_who_ask_at_once_wait_for_one_making() -> None:
    recent, made, found = Recent[int](), [], []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    threads = [
        threading.Thread(target=lambda: found.append(recent.get("a", make, age_s=10))) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (made, found) == ([1], [1] * 8)


def test_those_who_wait_longer_than_a_value_is_good_share_the_next_one() -> None:
    recent, made = Recent[int](), []

    def make() -> int:
        time.sleep(0.05)
        made.append(1)
        return len(made)

    threads = [
        threading.Thread(target=recent.get, args=("a", make), kwargs={"age_s": 0.01}) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(made) <= 3


def test_making_that_fails_is_tried_again() -> None:
    recent = Recent[int]()
    with pytest.raises(ZeroDivisionError):
        recent.get("a", lambda: 1 // 0, age_s=10)
    assert recent._making == {}
    assert recent.get("a", lambda: 3, age_s=10) == 3


def test_only_so_many_are_kept() -> None:
    recent = Recent[int]()
    for key in range(1000):
        recent.get(key, lambda: 1, age_s=10)
    assert len(recent._made) == len(recent._making) == 64
