"""The web: the JSON API under `/api/v1`, the pages, and the health checks."""
