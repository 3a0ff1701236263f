"""What may be seen of a phase's scores, and by whom: the one rule for every address that shows any."""

import math
from dataclasses import dataclass
from uuid import UUID

from core.lifecycle import BoardVisibility
from core.models import Phase


@dataclass(frozen=True)
class Viewer:
    """Who looks; `user_id` is None for somebody who has not signed in."""

    user_id: UUID | None = None
    is_organizer: bool = False


NOBODY = Viewer()


def sight(phase: Phase, viewer: Viewer) -> BoardVisibility:
    """Return what somebody sees of the scores of a phase, now.

    Organizers see all of them at any time, and everybody does once the results are published. Until then the
    phase decides: all, what the viewer's own team scored, or none, not even that.
    """
    if viewer.is_organizer or phase.published_at is not None:
        return BoardVisibility.PUBLIC
    return phase.board_visibility


def shows_own_score(phase: Phase, viewer: Viewer) -> bool:
    """Return whether somebody who may see a submission may see its score, and anything that follows from it.

    The owner and the organizers may see a submission.
    """
    return sight(phase, viewer) is not BoardVisibility.HIDDEN


def rounded(phase: Phase, number: float) -> float:
    """Return a score, or the end of an interval, with as many decimals as participants may see.

    Ranks and ties are found before: of two scores that look equal here, the order still says which is higher.
    """
    return number if phase.score_decimals is None else round(number, phase.score_decimals) + 0.0  # no -0.0


def mean_run_seconds(phase: Phase, seconds: float) -> float:
    """Return the mean seconds per run; in a hidden phase the next power of two, at least 1."""
    return seconds if phase.show_logs else 2.0 ** math.ceil(math.log2(max(seconds, 1.0)))
