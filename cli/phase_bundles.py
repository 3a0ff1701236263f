"""The phases of a competition.yaml as workers take them: plans checked, faces stored or packed."""

import hashlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from core.bundle import datasets, files, writing
from core.bundle.spec import CompetitionSpec, PhaseSpec
from core.errors import InvalidCompetitionError
from core.storage import storage

if TYPE_CHECKING:  # loaded when it is used: `lethe --help` starts without numpy
    from faces.bundle import PackedBundle

_Put = Callable[[bytes], str]


def stored(spec: CompetitionSpec, folder: Path) -> CompetitionSpec:
    """Return the competition with the hashes of stored bundles in the place of their paths.

    A phase that could never be prepared is refused here, as a competition once created keeps its slug.

    Args:
        spec: as read; a phase with `dataset: {kind: bundle, path: PATH}` uses the bundle there.
        folder: what the paths are relative to: where the competition.yaml lies.

    Raises:
        InvalidCompetitionError: a bundle is missing, damaged or unlabelled, or a key or value is wrong.
    """
    phases = [
        phase.model_copy(update={"dataset": _checked(phase, folder, storage().put)}) for phase in spec.phases
    ]
    for phase in phases:
        if datasets.is_named_by_hashes(phase.dataset):
            datasets.check_there(phase.dataset)
    return spec.model_copy(update={"phases": phases})


def packed(spec: CompetitionSpec, folder: Path) -> bytes:
    """Return a ZIP of the competition with all that it names, the faces of its phases too.

    Args:
        spec: as `stored` takes it.
        folder: likewise.

    Raises:
        InvalidCompetitionError: as `stored`, but for faces named by the hashes of what an installation has.
    """
    parts: dict[str, bytes] = {}
    phases = []
    for phase in spec.phases:
        held: dict[str, bytes] = {}
        dataset = _checked(phase, folder, lambda content, held=held: _hold(content, held))  # type: ignore[misc]
        if held:
            path = f"datasets/{dataset['manifest'][:16]}"  # phases over the same faces share a folder
            parts |= {f"{path}/{name}": held[dataset[part]] for part, name in datasets.FILES.items()}
            dataset = {"kind": "bundle", "path": path}
        phases.append(phase.model_copy(update={"dataset": dataset}))
    return files.pack(writing.files_of(spec.model_copy(update={"phases": phases})) | parts)


def _hold(content: bytes, held: dict[str, bytes]) -> str:
    sha256 = hashlib.sha256(content).hexdigest()
    held[sha256] = content
    return sha256


def _checked(phase: PhaseSpec, folder: Path, put: _Put) -> dict[str, Any]:
    """Return the dataset of a phase that can be prepared, by its hashes where it lay in a folder."""
    from training.plan import Plan

    dataset = phase.dataset
    try:
        if dataset.get("kind") == "bundle" and not datasets.is_named_by_hashes(dataset):
            parts = _read(dataset, folder)
            dataset = {
                "kind": "bundle",
                **{part: put(content) for part, content in parts._asdict().items()},
            }
        Plan.read(dataset=dataset, architecture=phase.architecture, recipe=phase.recipe)
    except ValueError as error:
        raise InvalidCompetitionError(f"phase `{phase.slug}`: {error}") from error
    return dataset


def _read(dataset: dict[str, Any], folder: Path) -> "PackedBundle":
    from faces import folder as folders

    if set(dataset) != {"kind", "path"}:
        raise ValueError(f"such a dataset has exactly the keys kind and path, not {', '.join(dataset)}")
    path = dataset["path"]
    if not isinstance(path, str):
        raise ValueError(f"dataset path must be a text, not {path!r}")
    bundle, parts = folders.read_with_files(folder / path)
    if not bundle.is_labelled:
        raise ValueError(f"{folder / path} is unlabelled; `lethe dataset label` gives it age groups")
    return parts
