"""The data that a phase runs on, as its stored bundle says."""

import json
from typing import Any

from core.models import Phase
from core.storage import storage


def find_manifest(phase: Phase) -> dict[str, Any] | None:
    """Return what is known of the bundle that is stored for a phase; None until it is prepared."""
    if phase.manifest_sha256 is None:
        return None
    found: dict[str, Any] = json.loads(storage().get(phase.manifest_sha256))
    return found
