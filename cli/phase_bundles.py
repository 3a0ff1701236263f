"""The bundles that a competition.yaml names: checked, and put into storage for the workers."""

from pathlib import Path
from typing import Any

from core.competitions import CompetitionSpec
from core.errors import InvalidCompetitionError
from core.storage import storage


def stored(spec: CompetitionSpec, folder: Path) -> CompetitionSpec:
    """Return the competition with the hashes of stored bundles in the place of their paths.

    Args:
        spec: as read; a phase with `dataset: {kind: bundle, path: PATH}` uses the bundle there.
        folder: what the paths are relative to: where the competition.yaml lies.

    Raises:
        InvalidCompetitionError: a bundle is missing, damaged or unlabelled, or a key is wrong.
    """
    phases = []
    for phase in spec.phases:
        if phase.dataset.get("kind") == "bundle":
            try:
                dataset = _store(phase.dataset, folder)
            except ValueError as error:
                raise InvalidCompetitionError(f"phase `{phase.slug}`: {error}") from error
            phases.append(phase.model_copy(update={"dataset": dataset}))
        else:
            phases.append(phase)
    return spec.model_copy(update={"phases": phases})


def _store(dataset: dict[str, Any], folder: Path) -> dict[str, Any]:
    from faces import folder as folders

    if set(dataset) != {"kind", "path"}:
        raise ValueError(f"such a dataset has exactly the keys kind and path, not {', '.join(dataset)}")
    path = dataset["path"]
    if not isinstance(path, str):
        raise ValueError(f"dataset path must be a text, not {path!r}")
    bundle, files = folders.read_with_files(folder / path)
    if not bundle.is_labelled:
        raise ValueError(f"{folder / path} is unlabelled; `lethe dataset label` gives it age groups")
    store = storage()
    return {"kind": "bundle", **{part: store.put(content) for part, content in files._asdict().items()}}
