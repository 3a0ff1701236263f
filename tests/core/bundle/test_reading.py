"""What a competition.yaml may say, in Codabench's words and in ours, and every way to get it wrong."""

import json
import zipfile
from io import BytesIO
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from core.bundle import files, reading, strict_yaml, writing
from core.bundle.spec import Board
from core.errors import InvalidCompetitionError
from core.lifecycle import BoardRule, BoardVisibility
from core.quotas import Quotas

_PHASE = {"slug": "check", "name": "Check", "n_models": 4, "dataset": {"kind": "synthetic"}}
_TASK = {"index": 3, "name": "Faces", "n_models": 4, "dataset": {"kind": "synthetic"}}


def _document(**changes: Any) -> dict[str, Any]:
    return {"version": 2, "slug": "demo", "title": "Demo", "phases": [_PHASE], **changes}


def _phase(**changes: Any) -> dict[str, Any]:
    return _document(phases=[_PHASE | changes])


def _read(document: object, **beside: bytes) -> Any:
    content = json.dumps(document).encode()  # which is YAML
    return reading.read_upload(files.pack({files.DOCUMENT: content, **beside}))


def _faults(document: object, **beside: bytes) -> str:
    with pytest.raises(InvalidCompetitionError) as caught:
        _read(document, **beside)
    return str(caught.value)


def test_codabench_words_mean_the_same_as_ours() -> None:
    document = _document(
        registration_auto_approve=False,
        docker_image="sha256:all",
        tasks=[_TASK],
        leaderboards=[
            {"key": "main", "title": "Results", "submission_rule": "Force_Last", "hidden": True},
            {"key": "own", "rule": "selected", "visibility": "own"},
        ],
        phases=[
            {
                "index": 1,
                "slug": "final",
                "name": "Final",
                "tasks": [3],
                "leaderboard": "own",
                "image": "sha256:final",
                "auto_migrate_to_this_phase": True,
                "hide_output": True,
            },
            {
                "index": 0,
                "slug": "feedback",
                "name": "Feedback",
                "tasks": [3],
                "leaderboard": "main",
                "max_submissions_per_day": 2,
                "max_submissions": 10,
                "quotas": {"concurrent": 1, "per_day": 2},
                "hide_output": False,
            },
        ],
    )
    spec = _read(document)
    feedback, final = spec.phases
    assert spec.registration_auto_approve is False
    assert (feedback.slug, final.slug) == ("feedback", "final")
    assert feedback.quotas == Quotas(per_day=2, total=10, concurrent=1)
    assert feedback.leaderboard == Board(
        key="main", title="Results", rule=BoardRule.LAST, visibility=BoardVisibility.HIDDEN
    )
    assert final.leaderboard == Board(key="own", rule=BoardRule.SELECTED, visibility=BoardVisibility.OWN)
    assert (feedback.show_logs, final.show_logs) == (True, False)
    assert (feedback.image, final.image) == ("sha256:all", "sha256:final")
    assert feedback.task == final.task
    assert feedback.n_models == 4


def test_files_beside_are_read_into_the_competition() -> None:
    document = _document(
        image="logo.png", terms="terms.md", pages=[{"title": "Overview", "file": "pages/o.md"}]
    )
    logo = b"\x89PNG\r\n\x1a\n..."
    spec = _read(document, **{"logo.png": logo, "terms.md": b"Be fair.", "pages/o.md": b"# Hello"})
    assert spec.logo.content == logo
    assert spec.terms == "Be fair."
    assert [(page.title, page.content) for page in spec.pages] == [("Overview", "# Hello")]


@pytest.mark.parametrize(
    ("document", "words"),
    [
        (_document(color=1), "color: there is no such key"),
        (_document(phases=[]), "phases: List should have at least 1 item"),
        (_document(phases=[{**_PHASE, "n_model": 4}]), "phases.0.n_model: there is no such key"),
        (_document(solutions=[]), "solutions: Lethe trains its own baselines"),
        (_document(max_team_size="5"), "max_team_size: Input should be a valid integer"),
        (_document(max_team_size=5.0), "max_team_size: Input should be a valid integer"),
        (_document(published=1), "published: Input should be a valid boolean"),
        (_document(max_team_size="five"), "max_team_size: Input should be a valid integer"),
        (_document(max_team_size=0), "max_team_size: Input should be greater than or equal to 1"),
        (_document(title="a\nb"), "title: must be one line"),
        (_document(title=5), "title: Input should be a valid string"),
        (_document(published="perhaps"), "published: Input should be a valid boolean"),
        (_document(team_deadline="2023-07-01 00:00:00"), "team_deadline: 2023-07-01T00:00:00 has no zone"),
        (_document(team_deadline=20230701), "team_deadline: must be a date, a time and its zone"),
        (_document(team_deadline="20230701"), "team_deadline: must be a date, a time and its zone"),
        (_document(team_deadline="2023-02-30T00:00:00Z"), "team_deadline: day"),
        (_document(team_deadline="9999-12-31T23:59:59-12:00"), "team_deadline: must be in the years 2000"),
        (_document(phases=[_PHASE, _PHASE]), "phases: two phases have the same slug `check`"),
        (
            _phase(start="2023-07-02T00:00:00Z", end="2023-07-02T02:00:00+02:00"),
            "phases.0: end 2023-07-02T00",
        ),
        (_phase(auto_migrate_to_this_phase=True), "phases: the first phase has no phase before it"),
        (_phase(tasks=[0]), "phases.0: dataset, n_models belong to the task that the phase names"),
        (_phase(dataset=None), "phases.0: dataset must be there, or the phase must name a task"),
        (
            _phase(max_submissions=1, quotas={"total": 2}),
            "phases.0: quotas.total is 2 and max_submissions is 1",
        ),
        (
            _phase(hide_output=True, show_logs=True),
            "phases.0: show_logs and hide_output say different things",
        ),
        (_phase(leaderboard="main"), "there is no leaderboard `main`"),
        (_phase(runs_per_shard=10**10), "phases.0.runs_per_shard: Input should be less than"),
        (_phase(scoring_version="no"), "phases.0.scoring_version: `no` is none of"),
        (_phase(limits={"memory": 1}), "phases.0.limits.memory: there is no such key"),
        (_phase(execution_time_limit=5), "phases.0.execution_time_limit: write limits"),
        (_phase(quotas={"concurrent": -1}), "phases.0.quotas.concurrent: Input should be greater"),
        (_phase(index=0, slug="a") | {"tasks": [_TASK, _TASK]}, "two tasks have the index 3"),
        (
            _document(phases=[{**_PHASE, "index": 1}, {**_PHASE, "slug": "b", "index": 1}]),
            "phases: two phases have the index 1",
        ),
        (
            _document(phases=[{**_PHASE, "index": 1}, {**_PHASE, "slug": "b"}]),
            "phases: either every phase has an index or none has",
        ),
        (
            _document(phases=[{"slug": "a", "name": "A", "tasks": [1]}]),
            "phase `a`: there is no task 1",
        ),
        (
            _document(leaderboards=[{"key": "a", "columns": []}]),
            "leaderboards.0.columns: the columns of every leaderboard are Lethe's own",
        ),
        (
            _document(leaderboards=[{"key": "a", "rule": "best", "submission_rule": "Force_Last"}]),
            "leaderboards.0: rule best and submission_rule Force_Last say different things",
        ),
        (
            _document(leaderboards=[{"key": "a", "hidden": True, "visibility": "public"}]),
            "leaderboards.0: visibility public and hidden True say different things",
        ),
    ],
)
def test_wrong_key_is_named_with_its_path(document: dict[str, Any], words: str) -> None:
    assert words in _faults(document)


def test_all_faults_are_told_at_once() -> None:
    told = _faults(_document(color=1, title="", phases=[{**_PHASE, "n_models": 2, "start": "2023-07-01"}]))
    for key in ("color: ", "title: ", "phases.0.n_models: ", "phases.0.start: "):
        assert key in told


def test_faults_without_end_are_counted() -> None:
    assert "and 950 more" in _faults(_document(**{f"key-{number}": 1 for number in range(1000)}))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (b"a: &a [x]\nb: *a", "line 2, column 4: anchors and aliases are not allowed"),
        (b"a: 1\nb: 2\na: 3", "line 3, column 1: the key 'a' stands twice"),
        (b"a: !!python/object/apply:os.system [ls]", "kind 'python/object/apply:os.system' is not allowed"),
        (b"a: !!binary aGk=", "kind 'binary' is not allowed"),
        (b"a: !!set {x}", "kind 'set' is not allowed"),
        (b"1: a", "a key must be a text"),
        (b"? [a]\n: b", "a key must be a text"),
        (b"a: .inf", "is no finite number"),
        (b"a: 1.0e+999", "is no finite number"),
        (b"a: 1" + b"0" * 5000, "is not YAML"),
        (b'a: "\\0"', "there is a character that cannot be shown"),
        (b'a: "\\ud800"', "there is a character that cannot be shown"),
        (b"[" * 100_000, "deeper than 20 levels"),
        (b"- " * 100_000, "deeper than 20 levels"),
        (b"a: [", "line 1"),
        (b"\xff\xfe\x00", "is not YAML"),
        (b"a: 1\n---\nb: 2", "is not YAML"),
        (b"", "file: Input should be"),
        (b"just text", "file: Input should be"),
        (b"#" * (2**20 + 1), "larger than 1,048,576 bytes"),
    ],
)
def test_hostile_yaml_is_refused_with_its_place(text: bytes, words: str) -> None:
    with pytest.raises(InvalidCompetitionError, match=r"^competition\.yaml") as caught:
        reading.read_document(text, name="competition.yaml")
    assert words in str(caught.value)
    assert len(str(caught.value)) < 1000


def test_yaml_reads_a_date_as_the_text_that_it_is() -> None:
    assert strict_yaml.load(b"a: 2023-07-01T00:00:00Z", name="a") == {"a": "2023-07-01T00:00:00Z"}


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("logo.png", None, "image: 'logo.png' is not in the bundle"),
        ("logo.png", b"<svg onload='alert(1)'>", "image: 'logo.png' is no PNG, JPEG or WebP"),
        ("logo.png", b"\x89PNG\r\n\x1a\n" + bytes(2**20), "image: 'logo.png' is larger than"),
        ("terms.md", None, "terms: 'terms.md' is not in the bundle"),
        ("terms.md", b"\xff", "terms: 'terms.md' is no text in UTF-8"),
        ("terms.md", b"a" * 60_001, "terms: String should have at most 60000 characters"),
        ("page.md", None, "pages.0.file: 'page.md' is not in the bundle"),
        ("page.md", b"a\0b", "pages.0.file: holds a character that cannot be shown"),
    ],
)
def test_file_that_is_missing_or_wrong_is_named(name: str, content: bytes | None, words: str) -> None:
    beside = {"logo.png": b"\xff\xd8\xff", "terms.md": b"fair", "page.md": b"hi"}
    beside = {path: found for path, found in beside.items() if path != name}
    if content is not None:
        beside[name] = content
    pages = [{"title": "Overview", "file": "page.md"}]
    assert words in _faults(_document(image="logo.png", terms="terms.md", pages=pages), **beside)


@pytest.mark.parametrize("path", ["../secret.md", "/etc/passwd", "link.md", "folder/../../secret.md"])
def test_folder_gives_nothing_from_outside(tmp_path: Path, path: str) -> None:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (tmp_path / "secret.md").write_text("secret")
    (folder / "link.md").symlink_to(tmp_path / "secret.md")
    (folder / files.DOCUMENT).write_text(yaml.safe_dump(_document(terms=path)))
    with pytest.raises(InvalidCompetitionError, match=r"terms: .*(out of|absolute)"):
        reading.read_spec(folder / files.DOCUMENT)


def test_zip_of_a_folder_is_read_as_what_is_in_it() -> None:
    packed = files.pack({"demo/competition.yaml": yaml.safe_dump(_document()).encode()})
    assert reading.read_upload(packed).slug == "demo"


@pytest.mark.parametrize("name", ["../a", "/a", "a\\b", "C:a"])
def test_zip_with_a_path_that_leads_out_is_refused(name: str) -> None:
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(zipfile.ZipInfo(name), b"")
    with pytest.raises(InvalidCompetitionError, match=r"The path"):
        reading.read_upload(buffer.getvalue())


def test_zip_with_a_link_is_refused() -> None:
    link = zipfile.ZipInfo("terms.md")
    link.external_attr = 0o120777 << 16
    buffer = BytesIO()
    with zipfile.ZipFile(buffer, "w") as packed:
        packed.writestr(link, b"/etc/passwd")
    with pytest.raises(InvalidCompetitionError, match="is a link"):
        reading.read_upload(buffer.getvalue())


def test_zip_that_unpacks_to_far_more_is_refused() -> None:
    packed = files.pack({files.DOCUMENT: bytes(20 * 2**20)})
    with pytest.raises(InvalidCompetitionError, match="100 times its size"):
        reading.read_upload(packed)


def test_zip_without_a_competition_is_refused() -> None:
    with pytest.raises(InvalidCompetitionError, match=r"'competition\.yaml' is not in the bundle"):
        reading.read_upload(files.pack({"other.yaml": b"a: 1"}))


def test_damaged_zip_is_refused() -> None:
    with pytest.raises(InvalidCompetitionError, match="zip file"):
        reading.read_upload(b"PK\x03\x04 and no more")


def test_committed_schema_is_what_the_models_give() -> None:
    root = Path(reading.__file__).parents[2]
    assert (root / "docs" / "competition.schema.json").read_text(encoding="utf-8") == writing.schema(), (
        "run `lethe competition schema > docs/competition.schema.json`"
    )


def test_schema_admits_every_competition_of_this_repository() -> None:
    root = Path(reading.__file__).parents[2]
    schema = jsonschema.Draft202012Validator(json.loads(writing.schema()))
    found = [*root.glob("competitions/*/competition.yaml"), root / "docs/metric/competition.yaml"]
    assert found
    for path in found:
        schema.validate(strict_yaml.load(path.read_bytes(), name=str(path)))
        reading.read_spec(path)
