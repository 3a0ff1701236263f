"""Celery tasks, sandboxes, validation, evaluation: what turns a submission into a score."""
