"""Competitions of all kinds, drawn for property tests."""

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

from core.bundle.plan import PARTS, DrawnFaces, Network, Training
from core.bundle.spec import Board, CompetitionSpec, Logo, Page, PhaseSpec, TaskName
from core.lifecycle import BoardRule, BoardVisibility
from core.limits import PhaseLimits
from core.quotas import Quotas

_slugs = st.from_regex(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", fullmatch=True)
_texts = st.text(st.characters(exclude_categories=["Cs", "Cc"]) | st.sampled_from("\n\r\t"), max_size=40)
_titles = st.lists(
    st.text(st.characters(categories=["L", "N", "P", "S"]), min_size=1, max_size=8), min_size=1, max_size=3
).map(" ".join)
_times = st.datetimes(
    datetime(2000, 1, 2), datetime(2100, 1, 1), timezones=st.just(UTC), allow_imaginary=False
)
_positive = st.integers(1, 2**53)
_recipes = st.fixed_dictionaries(
    {},
    optional={
        "epochs": _positive,
        "batch_size": st.integers(2, 2**53),
        "learning_rate": st.floats(0, exclude_min=True, allow_infinity=False) | st.integers(1, 9),
        "weight_decay": st.floats(0, allow_infinity=False),
        "cosine": st.sampled_from(["epoch", "step"]),
        "class_weights": st.booleans(),
    },
).map(lambda said: Training(**said).model_dump(exclude_unset=True))
_networks = st.fixed_dictionaries(
    {}, optional={"name": st.just("resnet18"), "width": _positive, "n_classes": st.just(10)}
).map(lambda said: Network(**said).model_dump(exclude_unset=True))
_counts = st.none() | st.integers(0, 1_000_000)
_hashes = st.from_regex(r"[0-9a-f]{64}", fullmatch=True)
_drawn = st.fixed_dictionaries(
    {"kind": st.just("synthetic")},
    optional={"n_people": st.integers(35, 2**53), "seed": st.integers(0, 2**53), "n_val_people": _positive},
).map(lambda said: DrawnFaces(**said).model_dump(exclude_unset=True))
_bundled = st.tuples(*[_hashes] * len(PARTS)).map(
    lambda hashes: {"kind": "bundle", **dict(zip(PARTS, hashes, strict=True))}
)
_logos = st.sampled_from(
    [
        Logo(media_type="image/png", content=b"\x89PNG\r\n\x1a\n1"),
        Logo(media_type="image/jpeg", content=b"\xff\xd8\xff2"),
        Logo(media_type="image/webp", content=b"RIFF0000WEBP3"),
    ]
)


@st.composite
def _boards(draw: st.DrawFn, key: str | None) -> Board:
    return Board(
        key=key,
        title=draw(st.none() | _titles) if key else None,
        rule=draw(st.sampled_from(BoardRule)),
        visibility=draw(st.sampled_from(BoardVisibility)),
    )


@st.composite
def _phases(draw: st.DrawFn, slug: str, boards: list[Board], *, first: bool) -> PhaseSpec:
    start = draw(_times)
    return PhaseSpec(
        slug=slug,
        name=draw(_titles),
        description=draw(_texts),
        start=start,
        end=draw(st.none() | st.integers(1, 10**7).map(lambda seconds: start + timedelta(seconds=seconds))),
        limits=PhaseLimits(
            run_timeout_s=draw(st.none() | st.floats(0.1, 1e6)), processes=draw(st.integers(8, 999))
        ),
        quotas=Quotas(
            per_day=draw(_counts), total=draw(_counts), concurrent=draw(st.none() | st.integers(1, 99))
        ),
        uploads=draw(st.booleans()),
        auto_migrate_to_this_phase=not first and draw(st.booleans()),
        max_selected=draw(st.integers(1, 100)),
        image=draw(st.none() | _titles),
        runs_per_shard=draw(st.integers(1, 4096)),
        keep_reference_weights=draw(st.booleans()),
        show_logs=draw(st.booleans()),
        score_decimals=draw(st.none() | st.integers(0, 15)),
        n_models=draw(st.integers(3, 4096)),
        dataset=draw(_drawn | _bundled),
        architecture=draw(_networks),
        recipe=draw(_recipes),
        task=draw(st.none() | st.builds(TaskName, name=_titles, description=_texts)),
        leaderboard=draw(st.sampled_from(boards) | _boards(None)),
    )


@st.composite
def specs(draw: st.DrawFn) -> CompetitionSpec:
    """Draw a competition with up to four phases, some with tasks and leaderboards in common."""
    boards = [draw(_boards(key)) for key in draw(st.lists(_slugs, min_size=1, max_size=2, unique=True))]
    slugs = draw(st.lists(_slugs, min_size=1, max_size=4, unique=True))
    phases = [draw(_phases(slug, boards, first=not at)) for at, slug in enumerate(slugs)]
    fields: dict[str, Any] = {
        "description": draw(_texts),
        "published": draw(st.booleans()),
        "registration_auto_approve": draw(st.booleans()),
        "max_team_size": draw(st.integers(1, 100)),
        "team_deadline": draw(st.none() | _times),
        "terms": draw(_texts),
        "logo": draw(st.none() | _logos),
    }
    pages = draw(
        st.lists(st.builds(Page, title=_titles, content=_texts), max_size=3, unique_by=lambda p: p.title)
    )
    return CompetitionSpec(
        version=2, slug=draw(_slugs), title=draw(_titles), pages=pages, phases=phases, **fields
    )
