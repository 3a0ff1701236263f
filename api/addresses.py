"""Where a page may send a browser next."""

import re

# Browsers take `//host` and `/\host` for another site, and drop tabs and line breaks before they look.
_LOCAL = re.compile(r"/(?![/\\])[!-\[\]-~]*")


def local_path(path: str) -> str:
    """Return a path of this site as it is, and the start page instead of anything else."""
    return path if _LOCAL.fullmatch(path) else "/"
