"""From a competition.yaml and the files beside it to a competition that is complete."""

import json
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.bundle import datasets, files, strict_yaml
from core.bundle.datasets import Faces, TakeFaces
from core.bundle.document import CompetitionDocument, InlineBoard, PhaseDocument, TaskDocument, in_order
from core.bundle.files import ReadFile
from core.bundle.plan import DrawnFaces, Network, Training
from core.bundle.spec import Board, CompetitionRules, CompetitionSpec, Page, PhaseRules, PhaseSpec, TaskName
from core.errors import InvalidCompetitionError

_SHOWN_FAULTS = 50
_HINTS = {
    "columns": "the columns of every leaderboard are Lethe's own; leave it out",
    "execution_time_limit": "write limits: {run_timeout_s: ...}",
    "input_data": "write dataset: {kind: bundle, path: ...}",
    "reference_data": "write dataset: {kind: bundle, path: ...}",
    "scoring_program": "the metric is Lethe's own; scoring_version says which",
    "ingestion_program": "Lethe runs submissions itself; leave it out",
    "solutions": "Lethe trains its own baselines; leave it out",
}
_KINDS = ("synthetic", "bundle")
_T = TypeVar("_T")


class _Source(NamedTuple):
    """What a competition is read from.

    Attributes:
        name: of its competition.yaml, for messages.
        read: reads what stands beside that.
        take: takes the datasets that it names.
    """

    name: str
    read: ReadFile
    take: TakeFaces


def read_spec(path: Path, *, take: TakeFaces = datasets.left_alone) -> CompetitionSpec:
    """Read a competition.yaml and the files that it names, which lie beside it.

    Args:
        path: the competition.yaml.
        take: what becomes of a dataset that is a folder; by default it stays a path.

    Raises:
        InvalidCompetitionError: a file is missing or not what it should be, or a key is wrong; every fault
            is named.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidCompetitionError(f"{path}: {error.strerror}") from error
    return _complete(content, _Source(str(path), files.folder_reader(path.parent), take))


def read_upload(upload: bytes) -> CompetitionSpec:
    """Read a bundle that was sent, a ZIP or a competition.yaml alone; datasets in it stay paths.

    Raises:
        InvalidCompetitionError: as `read_spec`.
    """
    read = files.mapping_reader(files.unpack(upload))
    return _complete(read(files.DOCUMENT), _Source(files.DOCUMENT, read, datasets.left_alone))


def take_in(upload: bytes) -> CompetitionSpec:
    """Read a bundle that was sent, and put the datasets in it into storage.

    Raises:
        InvalidCompetitionError: as `read_spec`, or a phase could never be prepared: a dataset is missing,
            damaged, unlabelled or too small.
    """
    read = files.mapping_reader(files.unpack(upload))
    return _complete(read(files.DOCUMENT), _Source(files.DOCUMENT, read, datasets.into_storage(read)))


def read_document(content: bytes, *, name: str) -> CompetitionDocument:
    """Read a competition.yaml by itself.

    Raises:
        InvalidCompetitionError: it is no YAML that Lethe reads, or a key is wrong; every fault is named.
    """
    said = strict_yaml.load(content, name=name)
    try:
        # As JSON, so that a file means what the published schema says: no number is a text or a date.
        return CompetitionDocument.model_validate_json(json.dumps(said), strict=True)
    except ValidationError as error:
        raise _invalid(name, [_told(fault) for fault in error.errors()]) from error


def _complete(content: bytes, source: _Source) -> CompetitionSpec:
    """Return the competition that a competition.yaml and the files which it names describe.

    Raises:
        InvalidCompetitionError: a file is missing or not what it should be; every fault is named.
    """
    document = read_document(content, name=source.name)
    faults: list[str] = []

    def tried(key: str, make: Callable[[], _T]) -> _T | None:
        try:
            return make()
        except InvalidCompetitionError as error:
            faults.append(f"{key}: {error}")
        except ValidationError as error:
            faults.extend(f"{key}: {_words(fault)}" for fault in error.errors())
        return None

    read, image, terms = source.read, document.image, document.terms
    parts: dict[str, Any] = {
        "logo": tried("image", lambda: files.read_logo(read, image)) if image else None,
        "terms": tried("terms", lambda: files.read_text(read, terms)) if terms else "",
        "pages": [
            tried(f"pages.{index}.file", lambda page=page: _page(read, page.title, page.file))  # type: ignore[misc]
            for index, page in enumerate(document.pages)
        ],
    }
    models = {
        place: tried(f"{place}.dataset", lambda said=said: _models(said, source.take))  # type: ignore[misc]
        for place, said in _tasks(document).items()
    }
    if faults:
        raise _invalid(source.name, faults)
    made = {place: told for place, told in models.items() if told is not None}
    phases = [_phase(document, phase, made[_place(document, phase)]) for phase in in_order(document.phases)]
    try:
        return CompetitionSpec(**_rules(document, CompetitionRules), **parts, phases=phases)
    except ValidationError as error:
        raise _invalid(source.name, [_told(fault) for fault in error.errors()]) from error


def _tasks(document: CompetitionDocument) -> dict[str, TaskDocument | PhaseDocument]:
    """Return what says of what the models of phases are made, by the place where it stands."""
    tasks = {task.index: task for task in document.tasks}
    return {
        _place(document, phase): tasks[phase.tasks[0]] if phase.tasks else phase for phase in document.phases
    }


def _place(document: CompetitionDocument, phase: PhaseDocument) -> str:
    if phase.tasks:
        return f"tasks.{[task.index for task in document.tasks].index(phase.tasks[0])}"
    return f"phases.{document.phases.index(phase)}"


def _models(said: TaskDocument | PhaseDocument, take: TakeFaces) -> dict[str, Any]:
    """Return the keys of a task as a phase keeps them: as they were written, but for the dataset's path."""
    recipe, named = said.recipe or Training(), said.dataset
    assert named is not None
    if isinstance(named, DrawnFaces):
        faces = Faces(named.model_dump(exclude_unset=True), named.n_retain)
    else:
        faces = take(named)
    problem = None if faces.n_retain is None else recipe.problem_with(faces.n_retain)
    if problem is not None:
        raise InvalidCompetitionError(problem)
    written = {key: getattr(said, key) for key in ("n_models", "scoring_version") if getattr(said, key)}
    return written | {
        "dataset": faces.dataset,
        "architecture": (said.architecture or Network()).model_dump(exclude_unset=True),
        "recipe": recipe.model_dump(exclude_unset=True),
    }


def _page(read: ReadFile, title: str, path: str) -> Page:
    return Page(title=title, content=files.read_text(read, path))


def _phase(document: CompetitionDocument, phase: PhaseDocument, models: dict[str, Any]) -> PhaseSpec:
    tasks = {task.index: task for task in document.tasks}
    task = tasks[phase.tasks[0]] if phase.tasks else None
    quotas = phase.quotas.model_copy(
        update={
            key: value
            for key, value in (("per_day", phase.max_submissions_per_day), ("total", phase.max_submissions))
            if value is not None
        }
    )
    rules = _rules(phase, PhaseRules) | {"quotas": quotas, "image": phase.image or document.docker_image}
    if phase.hide_output is not None:
        rules["show_logs"] = not phase.hide_output
    return PhaseSpec(
        **rules,
        **models,
        task=None if task is None else _name(task),
        leaderboard=_board(document, phase.leaderboard),
    )


def _name(task: TaskDocument) -> TaskName:
    return TaskName(name=task.name, description=task.description)


def _board(document: CompetitionDocument, said: str | InlineBoard | None) -> Board:
    if isinstance(said, str):
        return next(board.board() for board in document.leaderboards if board.key == said)
    return Board() if said is None else Board(rule=said.rule, visibility=said.visibility)


def _rules(part: CompetitionRules | PhaseRules, kind: type[CompetitionRules | PhaseRules]) -> dict[str, Any]:
    return {key: getattr(part, key) for key in kind.model_fields}


def _told(fault: ErrorDetails) -> str:
    # Behind `dataset` pydantic puts which kind of one it is, which is no place in the file.
    steps = [
        step for before, step in pairwise(("", *fault["loc"])) if before != "dataset" or step not in _KINDS
    ]
    where = ".".join(map(str, steps)) or "file"
    return f"{where}: {_words(fault)}"


def _words(fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        return _HINTS.get(str(fault["loc"][-1]), "there is no such key")
    return fault["msg"].removeprefix("Value error, ")


def _invalid(name: str, faults: list[str]) -> InvalidCompetitionError:
    more = [f"and {len(faults) - _SHOWN_FAULTS} more"] if len(faults) > _SHOWN_FAULTS else []
    return InvalidCompetitionError(f"{name}: " + "; ".join([*faults[:_SHOWN_FAULTS], *more]))
