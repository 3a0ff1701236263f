"""The tables: who competes in what, what was submitted, what each run gave, and who works on it now."""

from core.lifecycle import Work
from core.models.accounts import AccessToken, Identity, OneTimeToken, User, WebSession
from core.models.base import REPLICATES, Base, UtcDateTime, utc_now
from core.models.competitions import Announcement, Competition, Organizer, Phase
from core.models.records import AuditEvent, Mail, Webhook, WebhookDelivery
from core.models.submissions import Baseline, IdempotencyKey, Run, Score, Submission
from core.models.teams import Invitation, Participant, Team, TeamQuota
from core.models.work import Node, ReferenceModel, Shard

__all__ = [
    "REPLICATES",
    "AccessToken",
    "Announcement",
    "AuditEvent",
    "Base",
    "Baseline",
    "Competition",
    "IdempotencyKey",
    "Identity",
    "Invitation",
    "Mail",
    "Node",
    "OneTimeToken",
    "Organizer",
    "Participant",
    "Phase",
    "ReferenceModel",
    "Run",
    "Score",
    "Shard",
    "Submission",
    "Team",
    "TeamQuota",
    "User",
    "UtcDateTime",
    "WebSession",
    "Webhook",
    "WebhookDelivery",
    "Work",
    "utc_now",
]
