"""The lease of a worker on one shard, watched and renewed in the background while the work goes on."""

import os
import threading
import time
from types import TracebackType
from typing import Self
from uuid import UUID, uuid4

import structlog
from sqlalchemy.exc import SQLAlchemyError

from core import db, shards
from core.errors import LeaseLostError
from core.models import Shard
from core.settings import get_settings

_RENEWALS_PER_TTL = 3
_LOOK_S = 2.0  # so soon a worker leaves what was cancelled

log = structlog.get_logger(__name__)


class Lease:
    """Holds a shard. Use as a context manager; `check` between steps whose results will be stored."""

    def __init__(self, shard: Shard, holder: str) -> None:
        self.shard = shard
        self.holder = holder
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._watcher = threading.Thread(target=self._watch, name=f"lease-{shard.id}", daemon=True)

    @classmethod
    def take(cls, shard_id: UUID) -> Self | None:
        """Take the lease, or return None when the shard is done or somebody holds it."""
        holder = f"{get_settings().node_name}:{os.getpid()}:{uuid4().hex}"
        with db.transaction() as session:
            shard = shards.take(session, shard_id, holder=holder)
        return None if shard is None else cls(shard, holder)

    def check(self) -> None:
        """Raise `LeaseLostError` if somebody else has the shard by now, or nobody wants it any more."""
        if self._lost.is_set():
            raise LeaseLostError(f"shard {self.shard.id} was taken over, or ended")

    def __enter__(self) -> Self:
        self._watcher.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._watcher.join()

    def _watch(self) -> None:
        every_s = get_settings().lease_ttl_s / _RENEWALS_PER_TTL
        renewed_at = time.monotonic()
        while not self._stop.wait(min(_LOOK_S, every_s)):
            try:
                if time.monotonic() - renewed_at < every_s:
                    with db.reading() as session:
                        shards.check_held(session, self.shard.id, holder=self.holder)
                else:
                    with db.transaction() as session:
                        shards.renew(session, self.shard.id, holder=self.holder)
                    renewed_at = time.monotonic()
            except LeaseLostError:
                self._lost.set()
                return
            except SQLAlchemyError as error:
                # The database may come back before the lease runs out; if not, the next renewal tells.
                log.warning("lease_renewal_failed", shard_id=str(self.shard.id), error=str(error))
