"""The phases of a competition.yaml as workers take them: plans checked, bundles put into storage."""

from pathlib import Path
from typing import Any

from core.competitions import CompetitionSpec
from core.errors import InvalidCompetitionError
from core.storage import storage


def stored(spec: CompetitionSpec, folder: Path) -> CompetitionSpec:
    """Return the competition with the hashes of stored bundles in the place of their paths.

    A phase that could never be prepared is refused here, as a competition once created keeps its slug.

    Args:
        spec: as read; a phase with `dataset: {kind: bundle, path: PATH}` uses the bundle there.
        folder: what the paths are relative to: where the competition.yaml lies.

    Raises:
        InvalidCompetitionError: a bundle is missing, damaged or unlabelled, or a key or value is wrong.
    """
    from training.plan import Plan

    phases = []
    for phase in spec.phases:
        dataset = phase.dataset
        try:
            if dataset.get("kind") == "bundle":
                dataset = _store(dataset, folder)
            Plan.read(dataset=dataset, architecture=phase.architecture, recipe=phase.recipe)
        except ValueError as error:
            raise InvalidCompetitionError(f"phase `{phase.slug}`: {error}") from error
        phases.append(phase.model_copy(update={"dataset": dataset}))
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
