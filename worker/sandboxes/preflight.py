"""The examination of the machine before a sandbox is proven on it."""

from core.settings import get_settings
from worker.sandboxes.base import Sandbox
from worker.sandboxes.engine import examine_engine
from worker.sandboxes.findings import Finding
from worker.sandboxes.kernel import examine_bubblewrap


def examine(sandbox: Sandbox) -> list[Finding]:
    """Look at what the sandbox's promises rest on: the engine, the kernel, and their versions.

    Raises:
        SandboxUnavailableError: there is no engine, or no bubblewrap, to look at.
    """
    settings = get_settings()
    return examine_engine(settings) if sandbox.name == "docker" else examine_bubblewrap(settings)
