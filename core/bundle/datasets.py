"""The faces that a bundle brings or names: put into storage, and named by their hashes."""

import hashlib
import json
import re
from typing import Any

from core.bundle.files import ReadFile
from core.bundle.spec import CompetitionSpec
from core.errors import InvalidCompetitionError
from core.storage import storage

PARTS = ("participant", "secret", "manifest")
FILES = {
    "participant": "participant.safetensors",
    "secret": "secret.safetensors",
    "manifest": "manifest.json",
}
"""The files of a dataset folder by what they are."""
_SHA256 = re.compile(r"[0-9a-f]{64}")


def stored(spec: CompetitionSpec, read: ReadFile) -> CompetitionSpec:
    """Return the competition with the hashes of stored datasets in the place of their paths.

    Whether the faces are in the format is found out when the phase is prepared; here they are whole.

    Raises:
        InvalidCompetitionError: a dataset is missing, not whole, or named otherwise than by a path or by
            the hashes of what is stored; every fault is named.
    """
    phases, faults = [], []
    for phase in spec.phases:
        try:
            phases.append(phase.model_copy(update={"dataset": _stored(phase.dataset, read)}))
        except InvalidCompetitionError as error:
            faults.append(f"phase `{phase.slug}`: {error}")
    if faults:
        raise InvalidCompetitionError("; ".join(faults))
    return spec.model_copy(update={"phases": phases})


def is_named_by_hashes(dataset: dict[str, Any]) -> bool:
    """Return whether a dataset names its parts as storage does."""
    return set(dataset) == {"kind", *PARTS}


def check_there(dataset: dict[str, Any]) -> None:
    """Raise `InvalidCompetitionError` unless all parts of a dataset named by hashes are in storage."""
    for part in PARTS:
        sha256 = dataset[part]
        if not isinstance(sha256, str) or not _SHA256.fullmatch(sha256) or not storage().has(sha256):
            raise InvalidCompetitionError(
                f"there is no dataset whose {part} part is {sha256!r} here; put its folder beside "
                "competition.yaml and name it by `dataset: {kind: bundle, path: ...}`"
            )


def _stored(dataset: dict[str, Any], read: ReadFile) -> dict[str, Any]:
    if dataset.get("kind") != "bundle":
        return dataset
    if is_named_by_hashes(dataset):
        check_there(dataset)
        return dataset
    path = dataset.get("path")
    if set(dataset) != {"kind", "path"} or not isinstance(path, str):
        raise InvalidCompetitionError(
            f"such a dataset has exactly the keys kind and path, not {', '.join(dataset)}"
        )
    parts = {part: read(f"{path.rstrip('/')}/{name}") for part, name in FILES.items()}
    _check_whole(path, parts)
    return {"kind": "bundle", **{part: storage().put(parts[part]) for part in PARTS}}


def _check_whole(path: str, parts: dict[str, bytes]) -> None:
    try:
        stated = json.loads(parts["manifest"])["sha256"]
        for part in ("participant", "secret"):
            if stated[part] != hashlib.sha256(parts[part]).hexdigest():
                raise InvalidCompetitionError(f"{path}: the {part} part is not the manifest's")
    except (ValueError, RecursionError, KeyError, TypeError) as error:
        raise InvalidCompetitionError(
            f"{path}: the manifest does not state the hashes of its parts"
        ) from error
