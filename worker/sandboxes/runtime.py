"""Which files of this machine a bubblewrap sandbox shows: a Python, the libraries it may use, and no more."""

import importlib.metadata
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path
from typing import NamedTuple

import submissions_sandbox
from core.errors import SandboxUnavailableError
from core.settings import get_settings

LIBRARIES = ("numpy", "pandas", "safetensors", "scikit-learn", "scipy", "torch", "tqdm")
"""The distributions, with all they require, that a submission may import."""
_OPTIONAL_LIBRARY = "torchvision"  # its builds fit one build of torch each

_PYTHON = Path("/runtime/python")
_PACKAGES = Path("/runtime/packages")
_SYSTEM_LIBRARIES = ("/usr/lib", "/usr/lib32", "/usr/lib64", "/lib", "/lib32", "/lib64")
_LOADER_CACHE = "/etc/ld.so.cache"
_PROCESSORS = "/sys/devices/system/cpu"  # torch picks its kernels by it


class Runtime(NamedTuple):
    """What to show, and how to start Python on it.

    Attributes:
        shown: path on this machine -> path in the sandbox, read-only.
        links: path in the sandbox -> what a symbolic link there holds.
        python: path of the interpreter in the sandbox.
        environment: the variables that interpreter needs.
    """

    shown: dict[Path, Path]
    links: dict[Path, str]
    python: Path
    environment: dict[str, str]


def find_runtime() -> Runtime:
    """Find this process's own Python and libraries.

    The sandbox sees them at neutral paths: a home folder's name, or Lethe's own folder, does not show.

    Raises:
        SandboxUnavailableError: a library is not installed, Python lies outside its own prefix, or the
            home folder, which holds secrets, lies inside what would be shown.
    """
    prefix, executable = Path(sys.base_prefix).resolve(), Path(sys.executable).resolve()
    if not executable.is_relative_to(prefix):
        raise SandboxUnavailableError(f"{executable} lies outside {prefix}; install another Python")
    shown, links = {prefix: _PYTHON}, {}
    for path in map(Path, _SYSTEM_LIBRARIES):
        if path.is_symlink():
            links[path] = os.readlink(path)
        elif path.exists():
            shown[path] = path
    shown.update({path: path for path in map(Path, (_LOADER_CACHE, _PROCESSORS)) if path.exists()})
    packages = {Path(submissions_sandbox.__file__).parent, *_library_paths()}
    shown.update({path: _PACKAGES / path.name for path in packages})
    _check_hides(get_settings().home, shown)
    environment = {
        "LD_LIBRARY_PATH": str(_PYTHON / "lib"),  # the interpreter may have been built for `prefix`
        "PYTHONHOME": str(_PYTHON),
        "PYTHONPATH": str(_PACKAGES),
    }
    return Runtime(shown, links, _PYTHON / executable.relative_to(prefix), environment)


def _check_hides(home: Path, shown: Iterable[Path]) -> None:
    for source in shown:
        if home.is_relative_to(source):
            raise SandboxUnavailableError(
                f"the sandbox would show {home}, which lies inside {source}; move LETHE_HOME elsewhere"
            )


def _library_paths() -> set[Path]:
    """Return the top-level folders and modules of all distributions that submissions use."""
    paths = set()
    for distribution in find_distributions().values():
        tops = {file.parts[0] for file in distribution.files or ()} - {"..", "__pycache__"}
        paths |= {Path(str(distribution.locate_file(top))).resolve() for top in tops}
    return paths


def find_libraries() -> list[str]:
    """Return `LIBRARIES`, and torchvision where it can be imported beside the installed torch."""
    return [*LIBRARIES, *([_OPTIONAL_LIBRARY] if _imports(_OPTIONAL_LIBRARY) else [])]


@cache
def _imports(name: str) -> bool:
    if importlib.util.find_spec(name) is None:
        return False
    # In a process of its own: a failed import may leave operators behind in torch.
    return (
        subprocess.run([sys.executable, "-c", f"import {name}"], capture_output=True, check=False).returncode
        == 0
    )


def find_distributions() -> dict[str, importlib.metadata.Distribution]:
    """Return the distributions that submissions may import, with all that those require, by name.

    Raises:
        SandboxUnavailableError: one of `LIBRARIES` is not installed.
    """
    found: dict[str, importlib.metadata.Distribution] = {}
    missing, waiting = set(), find_libraries()
    while waiting:
        name = waiting.pop()
        if name in found or name in missing:
            continue
        try:
            found[name] = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            if name in LIBRARIES:
                raise SandboxUnavailableError(f"install {name}: submissions use it") from None
            missing.add(name)  # required on another kind of machine only
            continue
        waiting += _requirements(found[name])
    return found


def _requirements(distribution: importlib.metadata.Distribution) -> Iterator[str]:
    for requirement in distribution.requires or ():
        if "extra ==" not in requirement and (name := re.match(r"[\w.-]+", requirement)):
            yield name[0].lower()
