"""Logs are events with ids as fields, one JSON object a line."""

from typing import TextIO

import structlog
from structlog.tracebacks import ExceptionDictTransformer


def configure(file: TextIO | None = None) -> None:
    """Write every event as one line of JSON, to standard output if nothing else is given.

    Tracebacks come without the values of variables, which may be secret.
    """
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.ExceptionRenderer(ExceptionDictTransformer(show_locals=False)),
            structlog.processors.JSONRenderer(),
        ],
        logger_factory=structlog.PrintLoggerFactory(file),
        cache_logger_on_first_use=False,
    )
