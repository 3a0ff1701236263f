"""What is wrong with Lethe or its surroundings."""

from core.errors.base import PlatformError


class MailError(PlatformError):
    """A mail could not be handed over; the message says why."""


class IllegalTransitionError(PlatformError):
    """A change of state that the lifecycle does not allow."""


class HostUnfitError(PlatformError):
    """This worker host cannot take work as it is; the message says what to mend."""


class SandboxUnavailableError(HostUnfitError):
    """No sandbox on this machine keeps its promises; the message says what to install."""


class GpuUnavailableError(HostUnfitError):
    """A GPU of this worker host is missing, or its memory is not free; the message says who holds it."""


class LeaseLostError(PlatformError):
    """Another worker holds the shard now, or nobody wants it: this one must stop and store nothing more."""


class BrokerError(PlatformError):
    """The broker does not answer."""


class StorageError(PlatformError):
    """A stored object is missing or does not match its hash."""


class DamagedObjectError(StorageError):
    """A stored object whose bytes do not match its name."""

    def __init__(self, sha256: str) -> None:
        super().__init__(f"object {sha256} is damaged: its bytes do not match its name")
        self.sha256 = sha256
