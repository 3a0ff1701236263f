"""From a competition.yaml and the files beside it to a competition that is complete."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from core.bundle import datasets, files, strict_yaml
from core.bundle.document import TASK_KEYS, CompetitionDocument, InlineBoard, PhaseDocument, TaskDocument
from core.bundle.files import ReadFile
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
_T = TypeVar("_T")


def read_spec(path: Path) -> CompetitionSpec:
    """Read a competition.yaml and the files that it names, which lie beside it.

    Raises:
        InvalidCompetitionError: a file is missing or not what it should be, or a key is wrong; every fault
            is named.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InvalidCompetitionError(f"{path}: {error.strerror}") from error
    return complete(read_document(content, name=str(path)), files.folder_reader(path.parent), name=str(path))


def read_upload(upload: bytes) -> CompetitionSpec:
    """Read a bundle that was sent, a ZIP or a competition.yaml alone; datasets in it stay paths.

    Raises:
        InvalidCompetitionError: as `read_spec`.
    """
    return _read(files.mapping_reader(files.unpack(upload)))


def take_in(upload: bytes) -> CompetitionSpec:
    """Read a bundle that was sent, and put the datasets in it into storage.

    Raises:
        InvalidCompetitionError: as `read_spec`, or a dataset is missing or not whole.
    """
    read = files.mapping_reader(files.unpack(upload))
    return datasets.stored(_read(read), read)


def _read(read: ReadFile) -> CompetitionSpec:
    document = read_document(read(files.DOCUMENT), name=files.DOCUMENT)
    return complete(document, read, name=files.DOCUMENT)


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


def complete(document: CompetitionDocument, read: ReadFile, *, name: str) -> CompetitionSpec:
    """Return the competition that a document and the files which it names describe.

    Raises:
        InvalidCompetitionError: a file is missing or not what it should be; every fault is named.
    """
    faults: list[str] = []

    def tried(key: str, make: Callable[[], _T]) -> _T | None:
        try:
            return make()
        except InvalidCompetitionError as error:
            faults.append(f"{key}: {error}")
        except ValidationError as error:
            faults.extend(f"{key}: {_words(fault)}" for fault in error.errors())
        return None

    image, terms = document.image, document.terms
    parts: dict[str, Any] = {
        "logo": tried("image", lambda: files.read_logo(read, image)) if image else None,
        "terms": tried("terms", lambda: files.read_text(read, terms)) if terms else "",
        "pages": [
            tried(f"pages.{index}.file", lambda page=page: _page(read, page.title, page.file))  # type: ignore[misc]
            for index, page in enumerate(document.pages)
        ],
        "phases": [_phase(document, phase) for phase in document.phases],
    }
    if faults:
        raise _invalid(name, faults)
    try:
        return CompetitionSpec(**_rules(document, CompetitionRules), **parts)
    except ValidationError as error:
        raise _invalid(name, [_told(fault) for fault in error.errors()]) from error


def _page(read: ReadFile, title: str, path: str) -> Page:
    return Page(title=title, content=files.read_text(read, path))


def _phase(document: CompetitionDocument, phase: PhaseDocument) -> PhaseSpec:
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
    said = {key: getattr(task or phase, key) for key in TASK_KEYS}
    return PhaseSpec(
        **rules,
        **{key: value for key, value in said.items() if value is not None},
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
    where = ".".join(map(str, fault["loc"])) or "file"
    return f"{where}: {_words(fault)}"


def _words(fault: ErrorDetails) -> str:
    if fault["type"] == "extra_forbidden":
        return _HINTS.get(str(fault["loc"][-1]), "there is no such key")
    return fault["msg"].removeprefix("Value error, ")


def _invalid(name: str, faults: list[str]) -> InvalidCompetitionError:
    more = [f"and {len(faults) - _SHOWN_FAULTS} more"] if len(faults) > _SHOWN_FAULTS else []
    return InvalidCompetitionError(f"{name}: " + "; ".join([*faults[:_SHOWN_FAULTS], *more]))
