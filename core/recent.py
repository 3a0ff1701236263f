"""What was found a moment ago, kept for the next who ask: many ask for one thing, and it is made once."""

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Value = TypeVar("Value")

_MAX_ENTRIES = 64


class Recent(Generic[Value]):
    """Values by key, each good for a while; threads that ask for one at the same time wait for one making."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._making: dict[Hashable, threading.Lock] = {}
        self._made: OrderedDict[Hashable, tuple[float, Value]] = OrderedDict()

    def get(self, key: Hashable, make: Callable[[], Value], *, age_s: float) -> Value:
        """Return the value of a key, made anew if that was not begun in the last `age_s` seconds.

        What was begun after somebody asked is new enough for them, however long it took.
        """
        if age_s <= 0:
            return make()
        asked_at = time.monotonic()
        with self._lock:
            making = self._making.setdefault(key, threading.Lock())
        with making:
            with self._lock:
                made = self._made.get(key)
            if made is not None and (made[0] >= asked_at or time.monotonic() - made[0] < age_s):
                return made[1]
            begun_at = time.monotonic()
            try:
                value = make()
            except BaseException:
                with self._lock:
                    self._making.pop(key, None)
                raise
            self._keep(key, (begun_at, value))
        return value

    def _keep(self, key: Hashable, made: tuple[float, Value]) -> None:
        with self._lock:
            self._made[key] = made
            self._made.move_to_end(key)
            while len(self._made) > _MAX_ENTRIES:
                oldest, _ = self._made.popitem(last=False)
                self._making.pop(oldest, None)
