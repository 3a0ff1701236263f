"""what a retraining takes, and weights of reference models."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("phase", sa.Column("retraining_s", sa.Double(), nullable=True))
    op.add_column(
        "phase",
        sa.Column("keep_reference_weights", sa.Boolean(), nullable=False, server_default=sa.false()),
    )
    op.add_column("reference_model", sa.Column("weights_sha256", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("reference_model", "weights_sha256")
    op.drop_column("phase", "keep_reference_weights")
    op.drop_column("phase", "retraining_s")
