"""scoring versions, artifacts, intervals, organizers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"

_VERSION, _SHA256 = sa.String(length=64), sa.String(length=64)


def _interval(name: str) -> list[sa.Column[float]]:
    return [sa.Column(f"{name}_{end}", sa.Double(), nullable=True) for end in ("low", "high")]


def _columns() -> dict[str, list[sa.Column]]:
    """Return the new columns; what rows of before must hold stands as a default."""
    return {
        "user": [sa.Column("is_organizer", sa.Boolean(), nullable=False, server_default=sa.false())],
        "phase": [
            sa.Column("scoring_version", _VERSION, nullable=False, server_default="neurips2023-1"),
            sa.Column("rescoring_version", _VERSION, nullable=True),
            sa.Column("rescoring_problem", sa.Text(), nullable=False, server_default=""),
        ],
        "run": [sa.Column("sandbox", sa.String(length=200), nullable=True)],
        "shard": [sa.Column("scoring_version", _VERSION, nullable=True)],
        "score": [
            *_interval("final_score"),
            *_interval("forgetting_quality"),
            sa.Column("replicates", sa.LargeBinary(), nullable=True),
            sa.Column("artifact_sha256", _SHA256, nullable=True),
            sa.Column("report_sha256", _SHA256, nullable=True),
        ],
        "baseline": [*_interval("final_score"), *_interval("forgetting_quality")],
    }


def upgrade() -> None:
    # One by one: SQLite adds a column in place, but a batch might copy a table that others refer to.
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)


def downgrade() -> None:
    for table, columns in _columns().items():
        for column in columns:
            op.drop_column(table, column.name)
