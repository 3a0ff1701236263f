"""A score above the ceiling: a submission that looks more like the references than other references do."""

from scoring.flags.flag import Flag, found
from scoring.uncertainty import Interval

NAME = "score above the ceiling"


def above_ceiling(quality: Interval, ceiling: Interval) -> Flag:
    """Flag a forgetting quality that is surely above what references reach against references.

    Args:
        quality: 95 % interval of the submission's F over reruns.
        ceiling: the same of the ceiling, with as many models and on the same examples. F, not the final
            score: a method that is more accurate than retraining may pass the ceiling's final score honestly.

    The statistic is the low end of the submission's interval, the threshold the high end of the ceiling's.
    Where both are equally good, their intervals miss each other in this direction in well under 1 % of the
    cases.
    """
    relation = "above" if quality.low > ceiling.high else "not above"
    return found(
        NAME,
        statistic=quality.low,
        threshold=ceiling.high,
        sentence=f"The forgetting quality ({quality.low:.3f} to {quality.high:.3f}) is {relation} that of "
        f"references against references ({ceiling.low:.3f} to {ceiling.high:.3f}).",
    )
