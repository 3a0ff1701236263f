"""The lease of a worker on one shard, renewed in the background for as long as the work goes on."""

import os
import threading
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

log = structlog.get_logger(__name__)


class Lease:
    """Holds a shard. Use as a context manager; `check` between steps whose results will be stored."""

    def __init__(self, shard: Shard, holder: str) -> None:
        self.shard = shard
        self.holder = holder
        self._lost = threading.Event()
        self._stop = threading.Event()
        self._renewer = threading.Thread(target=self._renew, name=f"lease-{shard.id}", daemon=True)

    @classmethod
    def take(cls, shard_id: UUID) -> Self | None:
        """Take the lease, or return None when the shard is done or somebody holds it."""
        holder = f"{get_settings().node_name}:{os.getpid()}:{uuid4().hex}"
        with db.transaction() as session:
            shard = shards.take(session, shard_id, holder=holder)
        return None if shard is None else cls(shard, holder)

    def check(self) -> None:
        """Raise `LeaseLostError` if the shard belongs to somebody else by now."""
        if self._lost.is_set():
            raise LeaseLostError(f"shard {self.shard.id} was taken over")

    def __enter__(self) -> Self:
        self._renewer.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop.set()
        self._renewer.join()

    def _renew(self) -> None:
        while not self._stop.wait(get_settings().lease_ttl_s / _RENEWALS_PER_TTL):
            try:
                with db.transaction() as session:
                    shards.renew(session, self.shard.id, holder=self.holder)
            except LeaseLostError:
                self._lost.set()
                return
            except SQLAlchemyError as error:
                # The database may come back before the lease runs out; if not, the next renewal tells.
                log.warning("lease_renewal_failed", shard_id=str(self.shard.id), error=str(error))
