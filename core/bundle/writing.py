"""From a competition to the files of its bundle."""

import json
import re
from typing import Any

from core.bundle import strict_yaml
from core.bundle.document import SUBMISSION_RULES, TASK_KEYS, CompetitionDocument
from core.bundle.files import DOCUMENT
from core.bundle.spec import Board, CompetitionRules, CompetitionSpec, PhaseRules, PhaseSpec
from core.lifecycle import BoardVisibility

_ENDINGS = {"image/png": "png", "image/jpeg": "jpg", "image/webp": "webp"}


def files_of(spec: CompetitionSpec) -> dict[str, bytes]:
    """Return the files of the bundle that `core.bundle.reading` reads as this competition."""
    written = {
        f"pages/{_file_name(index, page.title)}": page.content for index, page in enumerate(spec.pages)
    }
    document: dict[str, Any] = _said(spec, CompetitionRules)
    if spec.logo is not None:
        document["image"] = f"logo.{_ENDINGS[spec.logo.media_type]}"
    if spec.terms:
        document["terms"] = "terms.md"
        written["terms.md"] = spec.terms
    paths = [path for path in written if path.startswith("pages/")]
    document["pages"] = [
        {"title": page.title, "file": path} for page, path in zip(spec.pages, paths, strict=True)
    ]
    _add_phases(document, spec.phases)
    files = {DOCUMENT: strict_yaml.dump(document), **{path: text.encode() for path, text in written.items()}}
    if spec.logo is not None:
        files[document["image"]] = spec.logo.content
    return files


def schema() -> str:
    """Return the JSON Schema of a competition.yaml."""
    described = CompetitionDocument.model_json_schema()
    described = {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}
    return json.dumps(described, indent=2, ensure_ascii=False) + "\n"


def _add_phases(document: dict[str, Any], phases: list[PhaseSpec]) -> None:
    tasks: list[dict[str, Any]] = []
    boards: dict[str, Board] = {}
    document |= {"tasks": tasks, "leaderboards": [], "phases": []}
    for index, phase in enumerate(phases):
        said = {"index": index, **_in_codabench_words(_said(phase, PhaseRules))}
        task = {key: said_of for key, said_of in _said(phase, PhaseSpec).items() if key in TASK_KEYS}
        if phase.task is None:
            said |= task
        else:
            task = phase.task.model_dump(mode="json") | task
            if task not in tasks:
                tasks.append(task)
            said["tasks"] = [tasks.index(task)]
        if phase.leaderboard.key is None:
            said["leaderboard"] = phase.leaderboard.model_dump(mode="json", include={"rule", "visibility"})
        else:
            said["leaderboard"] = phase.leaderboard.key
            boards[phase.leaderboard.key] = phase.leaderboard
        document["phases"].append(said)
    document["tasks"] = [{"index": index, **task} for index, task in enumerate(tasks)]
    document["leaderboards"] = [_board(board) for board in boards.values()]


def _in_codabench_words(said: dict[str, Any]) -> dict[str, Any]:
    quotas = said["quotas"]
    words = {
        "max_submissions_per_day": quotas.pop("per_day", None),
        "max_submissions": quotas.pop("total", None),
    }
    said |= {word: value for word, value in words.items() if value is not None}
    return said | {"hide_output": not said.pop("show_logs")}


def _board(board: Board) -> dict[str, Any]:
    said: dict[str, Any] = {"key": board.key}
    if board.title is not None:
        said["title"] = board.title
    said["submission_rule"] = next(word for word, rule in SUBMISSION_RULES.items() if rule is board.rule)
    if board.visibility is BoardVisibility.OWN:  # for which Codabench has no word
        return said | {"visibility": board.visibility.value}
    return said | {"hidden": board.visibility is BoardVisibility.HIDDEN}


def _said(part: CompetitionRules | PhaseRules, kind: type[CompetitionRules | PhaseRules]) -> dict[str, Any]:
    return part.model_dump(mode="json", include=set(kind.model_fields), exclude_none=True)


def _file_name(index: int, title: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", title.lower()).strip("-")[:40]
    return f"{index + 1:02}-{words}.md" if words else f"{index + 1:02}.md"
