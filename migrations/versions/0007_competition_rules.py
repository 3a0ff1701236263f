"""accounts, teams, quotas, the audit log, and what is sent."""

from uuid import uuid4

import sqlalchemy as sa
from alembic import op
from alembic.util import CommandError

revision = "0007"
down_revision = "0006"

_ALL_SCOPES = ["read", "submit", "organize", "admin"]


def upgrade() -> None:
    _create_tables()
    _widen_tables()
    _fill_accounts()
    _fill_teams()
    _fill_run_seconds()
    _narrow_tables()
    _protect_audit_log()


def downgrade() -> None:
    # The schema of before has no place for teams, passwords, tokens beyond one a user, or the audit log.
    raise CommandError(
        "Version 0007 cannot be undone in place: accounts, teams and the audit log would be lost. "
        "Nothing was changed. Restore the backup of the database from before the upgrade."
    )


def _create_tables() -> None:
    op.create_table(
        "mail",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("to", sa.String(length=254), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mail")),
    )
    op.create_index(op.f("ix_mail_next_attempt_at"), "mail", ["next_attempt_at"])
    op.create_table(
        "access_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("hint", sa.String(length=16), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("last_used_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_access_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_access_token")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_access_token_token_sha256")),
    )
    op.create_index(op.f("ix_access_token_user_id"), "access_token", ["user_id"])
    op.create_table(
        "announcement",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("competition_id", sa.Uuid(), nullable=False),
        sa.Column("author_id", sa.Uuid(), nullable=False),
        sa.Column("subject", sa.String(length=200), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["author_id"], ["user.id"], name=op.f("fk_announcement_author_id")),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competition.id"], name=op.f("fk_announcement_competition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_announcement")),
    )
    op.create_index(op.f("ix_announcement_competition_id"), "announcement", ["competition_id"])
    op.create_table(
        "audit_event",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("actor_id", sa.Uuid(), nullable=True),
        sa.Column("actor_name", sa.String(length=64), nullable=False),
        sa.Column("competition_id", sa.Uuid(), nullable=True),
        sa.Column("action", sa.String(length=64), nullable=False),
        sa.Column("target", sa.String(length=200), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("before", sa.JSON(none_as_null=True), nullable=True),
        sa.Column("after", sa.JSON(none_as_null=True), nullable=True),
        sa.ForeignKeyConstraint(["actor_id"], ["user.id"], name=op.f("fk_audit_event_actor_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_event")),
    )
    op.create_index(op.f("ix_audit_event_competition_id_at"), "audit_event", ["competition_id", "at"])
    op.create_table(
        "identity",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("issuer", sa.String(length=255), nullable=False),
        sa.Column("subject", sa.String(length=255), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_identity_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_identity")),
        sa.UniqueConstraint("issuer", "subject", name=op.f("uq_identity_issuer_subject")),
    )
    op.create_index(op.f("ix_identity_user_id"), "identity", ["user_id"])
    op.create_table(
        "one_time_token",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("purpose", sa.String(length=32), nullable=False),
        sa.Column("email", sa.String(length=254), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_one_time_token_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_one_time_token")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_one_time_token_token_sha256")),
    )
    op.create_index(op.f("ix_one_time_token_user_id"), "one_time_token", ["user_id"])
    op.create_table(
        "organizer",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("competition_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competition.id"], name=op.f("fk_organizer_competition_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_organizer_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_organizer")),
        sa.UniqueConstraint("competition_id", "user_id", name=op.f("uq_organizer_competition_id_user_id")),
    )
    op.create_index(op.f("ix_organizer_user_id"), "organizer", ["user_id"])
    op.create_table(
        "team",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("competition_id", sa.Uuid(), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("name_key", sa.String(length=64), nullable=False),
        sa.Column("captain_id", sa.Uuid(), nullable=True),
        sa.Column("is_solo", sa.Boolean(), nullable=False),
        sa.Column("merged_into_id", sa.Uuid(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["captain_id"], ["user.id"], name=op.f("fk_team_captain_id")),
        sa.ForeignKeyConstraint(["competition_id"], ["competition.id"], name=op.f("fk_team_competition_id")),
        sa.ForeignKeyConstraint(["merged_into_id"], ["team.id"], name=op.f("fk_team_merged_into_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team")),
        sa.UniqueConstraint("competition_id", "name_key", name=op.f("uq_team_competition_id_name_key")),
    )
    op.create_table(
        "web_session",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("token_sha256", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_web_session_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_web_session")),
        sa.UniqueConstraint("token_sha256", name=op.f("uq_web_session_token_sha256")),
    )
    op.create_index(op.f("ix_web_session_expires_at"), "web_session", ["expires_at"])
    op.create_index(op.f("ix_web_session_user_id"), "web_session", ["user_id"])
    op.create_table(
        "webhook",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("competition_id", sa.Uuid(), nullable=False),
        sa.Column("url", sa.String(length=2000), nullable=False),
        sa.Column("secret", sa.String(length=64), nullable=False),
        sa.Column("events", sa.JSON(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competition.id"], name=op.f("fk_webhook_competition_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook")),
    )
    op.create_index(op.f("ix_webhook_competition_id"), "webhook", ["competition_id"])
    op.create_table(
        "invitation",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("invited_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("accepted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["invited_id"], ["team.id"], name=op.f("fk_invitation_invited_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_invitation_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_invitation")),
    )
    op.create_index(op.f("ix_invitation_invited_id"), "invitation", ["invited_id"])
    op.create_index(op.f("ix_invitation_team_id"), "invitation", ["team_id"])
    op.create_table(
        "participant",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("competition_id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("state", sa.String(length=32), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["competition_id"], ["competition.id"], name=op.f("fk_participant_competition_id")
        ),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_participant_team_id")),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_participant_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_participant")),
        sa.UniqueConstraint("competition_id", "user_id", name=op.f("uq_participant_competition_id_user_id")),
    )
    op.create_index(op.f("ix_participant_team_id"), "participant", ["team_id"])
    op.create_index(op.f("ix_participant_user_id"), "participant", ["user_id"])
    op.create_table(
        "team_quota",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("phase_id", sa.Uuid(), nullable=False),
        sa.Column("team_id", sa.Uuid(), nullable=False),
        sa.Column("per_day", sa.Integer(), nullable=True),
        sa.Column("total", sa.Integer(), nullable=True),
        sa.Column("concurrent", sa.Integer(), nullable=True),
        sa.ForeignKeyConstraint(["phase_id"], ["phase.id"], name=op.f("fk_team_quota_phase_id")),
        sa.ForeignKeyConstraint(["team_id"], ["team.id"], name=op.f("fk_team_quota_team_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_team_quota")),
        sa.UniqueConstraint("phase_id", "team_id", name=op.f("uq_team_quota_phase_id_team_id")),
    )
    op.create_index(op.f("ix_team_quota_team_id"), "team_quota", ["team_id"])
    op.create_table(
        "webhook_delivery",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("webhook_id", sa.Uuid(), nullable=False),
        sa.Column("event", sa.String(length=64), nullable=False),
        sa.Column("body", sa.JSON(), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("attempts", sa.Integer(), nullable=False),
        sa.Column("next_attempt_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("sent_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(["webhook_id"], ["webhook.id"], name=op.f("fk_webhook_delivery_webhook_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_webhook_delivery")),
    )
    op.create_index(op.f("ix_webhook_delivery_next_attempt_at"), "webhook_delivery", ["next_attempt_at"])
    op.create_index(op.f("ix_webhook_delivery_webhook_id"), "webhook_delivery", ["webhook_id"])
    op.create_table(
        "idempotency_key",
        sa.Column("id", sa.Uuid(), nullable=False),
        sa.Column("user_id", sa.Uuid(), nullable=False),
        sa.Column("key", sa.String(length=255), nullable=False),
        sa.Column("fingerprint", sa.String(length=64), nullable=False),
        sa.Column("created", sa.Boolean(), nullable=False),
        sa.Column("submission_id", sa.Uuid(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["submission_id"], ["submission.id"], name=op.f("fk_idempotency_key_submission_id")
        ),
        sa.ForeignKeyConstraint(["user_id"], ["user.id"], name=op.f("fk_idempotency_key_user_id")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_idempotency_key")),
        sa.UniqueConstraint("user_id", "key", name=op.f("uq_idempotency_key_user_id_key")),
    )


def _columns() -> dict[str, list[sa.Column[object]]]:
    no, nothing, empty = sa.false(), "", "[]"
    return {
        "competition": [
            sa.Column("published", sa.Boolean(), nullable=False, server_default=sa.true()),
            sa.Column("terms", sa.Text(), nullable=False, server_default=nothing),
            sa.Column("pages", sa.JSON(), nullable=False, server_default=empty),
            sa.Column("image_sha256", sa.String(length=64), nullable=True),
            sa.Column("image_type", sa.String(length=32), nullable=False, server_default=nothing),
            sa.Column("approves_participants", sa.Boolean(), nullable=False, server_default=no),
            sa.Column("max_team_size", sa.Integer(), nullable=False, server_default="5"),
            sa.Column("team_deadline", sa.DateTime(timezone=True), nullable=True),
            sa.Column("winners", sa.JSON(), nullable=False, server_default=empty),
        ],
        "phase": [
            sa.Column("description", sa.Text(), nullable=False, server_default=nothing),
            sa.Column("quotas", sa.JSON(), nullable=False, server_default="{}"),
            sa.Column("as_written", sa.JSON(), nullable=False, server_default="{}"),
            sa.Column("uploads", sa.Boolean(), nullable=False, server_default=sa.true()),
            sa.Column("auto_migrate", sa.Boolean(), nullable=False, server_default=no),
            sa.Column("max_selected", sa.Integer(), nullable=False, server_default="1"),
            sa.Column("migrated_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("opened_noted_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("closed_noted_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("image", sa.String(length=200), nullable=True),
            sa.Column("board_rule", sa.String(length=32), nullable=False, server_default="best"),
            sa.Column("board_visibility", sa.String(length=32), nullable=False, server_default="public"),
            sa.Column("published_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("results_sha256", sa.String(length=64), nullable=True),
        ],
        "shard": [sa.Column("taken_at", sa.DateTime(timezone=True), nullable=True)],
        "submission": [
            sa.Column("team_id", sa.Uuid(), nullable=True),
            sa.Column("origin_id", sa.Uuid(), nullable=True),
            sa.Column("rerun_of_id", sa.Uuid(), nullable=True),
            sa.Column("mean_run_seconds", sa.Double(), nullable=True),
            sa.Column("selected_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("superseded_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("disqualified_at", sa.DateTime(timezone=True), nullable=True),
            sa.Column("disqualified_reason", sa.Text(), nullable=False, server_default=nothing),
            sa.Column("baseline_name", sa.String(length=64), nullable=True),
        ],
        "user": [
            sa.Column("name_key", sa.String(length=64), nullable=True),
            sa.Column("email", sa.String(length=254), nullable=True),
            sa.Column("password_hash", sa.String(length=255), nullable=True),
            sa.Column("is_admin", sa.Boolean(), nullable=False, server_default=no),
            sa.Column("deleted_at", sa.DateTime(timezone=True), nullable=True),
        ],
    }


def _widen_tables() -> None:
    # One by one: SQLite adds a column in place.
    for table, columns in _columns().items():
        for column in columns:
            op.add_column(table, column)


_USER = sa.table(
    "user",
    sa.column("id", sa.Uuid()),
    sa.column("name", sa.String()),
    sa.column("name_key", sa.String()),
    sa.column("token_sha256", sa.String()),
    sa.column("is_organizer", sa.Boolean()),
    sa.column("is_admin", sa.Boolean()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_ACCESS_TOKEN = sa.table(
    "access_token",
    sa.column("id", sa.Uuid()),
    sa.column("user_id", sa.Uuid()),
    sa.column("name", sa.String()),
    sa.column("hint", sa.String()),
    sa.column("token_sha256", sa.String()),
    sa.column("scopes", sa.JSON()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_TEAM = sa.table(
    "team",
    sa.column("id", sa.Uuid()),
    sa.column("competition_id", sa.Uuid()),
    sa.column("name", sa.String()),
    sa.column("name_key", sa.String()),
    sa.column("captain_id", sa.Uuid()),
    sa.column("is_solo", sa.Boolean()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_PARTICIPANT = sa.table(
    "participant",
    sa.column("id", sa.Uuid()),
    sa.column("competition_id", sa.Uuid()),
    sa.column("user_id", sa.Uuid()),
    sa.column("team_id", sa.Uuid()),
    sa.column("state", sa.String()),
    sa.column("reason", sa.Text()),
    sa.column("created_at", sa.DateTime(timezone=True)),
)
_PHASE = sa.table("phase", sa.column("id", sa.Uuid()), sa.column("competition_id", sa.Uuid()))
_SUBMISSION = sa.table(
    "submission",
    sa.column("phase_id", sa.Uuid()),
    sa.column("user_id", sa.Uuid()),
    sa.column("team_id", sa.Uuid()),
)


def _fill_accounts() -> None:
    """Who organized everything becomes an admin; the one token that everybody had becomes a named one."""
    connection = op.get_bind()
    user = _USER
    keys = set[str]()
    for row in connection.execute(sa.select(user).order_by(user.c.created_at)).all():
        key = row.name.casefold()[:64]
        if key in keys:
            key = f"{key[:55]}-{row.id.hex[:8]}"
        keys.add(key)
        same = user.c.id == row.id
        connection.execute(sa.update(user).where(same).values(name_key=key, is_admin=row.is_organizer))
        token = {
            "id": uuid4(),
            "user_id": row.id,
            "name": "first token",
            "hint": "",
            "token_sha256": row.token_sha256,
            "scopes": _ALL_SCOPES,
            "created_at": row.created_at,
        }
        connection.execute(sa.insert(_ACCESS_TOKEN), token)


def _fill_teams() -> None:
    """Whoever has submitted takes part, as a team of one."""
    connection = op.get_bind()
    user, phase, submission = _USER, _PHASE, _SUBMISSION
    pairs = (
        sa.select(phase.c.competition_id, user.c.id, user.c.name, user.c.name_key, user.c.created_at)
        .join(submission, submission.c.phase_id == phase.c.id)
        .join(user, submission.c.user_id == user.c.id)
        .distinct()
    )
    for competition_id, user_id, name, name_key, created_at in connection.execute(pairs).all():
        made = {"id": uuid4(), "competition_id": competition_id, "created_at": created_at}
        connection.execute(
            sa.insert(_TEAM),
            made | {"name": name, "name_key": name_key, "captain_id": user_id, "is_solo": True},
        )
        part = {"user_id": user_id, "team_id": made["id"], "state": "approved", "reason": ""}
        connection.execute(sa.insert(_PARTICIPANT), made | part | {"id": uuid4()})
        of_competition = sa.select(phase.c.id).where(phase.c.competition_id == competition_id)
        connection.execute(
            sa.update(submission)
            .where(submission.c.user_id == user_id, submission.c.phase_id.in_(of_competition))
            .values(team_id=made["id"])
        )


def _fill_run_seconds() -> None:
    mean = "SELECT AVG(run.seconds) FROM run WHERE run.submission_id = submission.id"
    op.execute(f"UPDATE submission SET mean_run_seconds = ({mean}) WHERE verdict = 'ok'")  # noqa: S608


def _narrow_tables() -> None:
    op.drop_index("ix_submission_phase_id_user_id_source_sha256", "submission")
    with op.batch_alter_table("submission") as batch:
        batch.alter_column("team_id", existing_type=sa.Uuid(), nullable=False)
        for name in ("origin_id", "baseline_name"):
            batch.create_unique_constraint(batch.f(f"uq_submission_phase_id_{name}"), ["phase_id", name])
        for column, table in (
            ("origin_id", "submission"),
            ("rerun_of_id", "submission"),
            ("team_id", "team"),
        ):
            batch.create_foreign_key(batch.f(f"fk_submission_{column}"), table, [column], ["id"])
    for columns in (
        ["phase_id", "team_id", "source_sha256"],
        ["phase_id", "state"],
        ["rerun_of_id"],
        ["team_id"],
        ["user_id"],
    ):
        op.create_index(f"ix_submission_{'_'.join(columns)}", "submission", columns)
    columns = ["submission_id", "scoring_version", "final_score"]
    op.create_index(f"ix_score_{'_'.join(columns)}", "score", columns)
    with op.batch_alter_table("user") as batch:
        batch.alter_column("name_key", existing_type=sa.String(length=64), nullable=False)
        batch.drop_constraint("uq_user_token_sha256", type_="unique")
        batch.create_unique_constraint(batch.f("uq_user_email"), ["email"])
        batch.create_unique_constraint(batch.f("uq_user_name_key"), ["name_key"])
        batch.drop_column("is_organizer")
        batch.drop_column("token_sha256")


def _protect_audit_log() -> None:
    if op.get_bind().dialect.name == "sqlite":
        for change in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER audit_event_no_{change.lower()} BEFORE {change} ON audit_event "
                "BEGIN SELECT RAISE(ABORT, 'the audit log is only added to'); END"
            )
        return
    op.execute(
        "CREATE FUNCTION refuse_change() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'the audit log is only added to'; END $$"
    )
    op.execute(
        "CREATE TRIGGER audit_event_no_change BEFORE UPDATE OR DELETE OR TRUNCATE ON audit_event "
        "FOR EACH STATEMENT EXECUTE FUNCTION refuse_change()"
    )
