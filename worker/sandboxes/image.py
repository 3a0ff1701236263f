"""The Docker image of the sandbox: `python -m worker.sandboxes.image` builds it."""

import argparse
import shutil
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException

import submissions_sandbox
from core.errors import SandboxUnavailableError
from worker.sandboxes.runtime import find_distributions, find_libraries

_PUBLIC_BASE = f"python:{sys.version_info.major}.{sys.version_info.minor}-slim"
_STAND_IN_TAG = "lethe-sandbox-base:stand-in"
_PLATFORMS = ("manylinux_2_28", "manylinux_2_27", "manylinux_2_17", "manylinux2014")


def main(arguments: list[str] | None = None) -> None:
    """Build the image as the command line says."""
    parser = argparse.ArgumentParser(prog="python -m worker.sandboxes.image", description=__doc__)
    parser.add_argument("--tag", default="lethe-sandbox:dev", help="name of the image")
    base = parser.add_mutually_exclusive_group()
    base.add_argument("--base", default=_PUBLIC_BASE, help="image with a Python 3 to build on")
    base.add_argument(
        "--stand-in",
        metavar="SUITE",
        nargs="?",
        const="bookworm",
        help="make the base with debootstrap (as root) from this Debian suite, where there is no registry",
    )
    options = parser.parse_args(arguments)
    try:
        make(options.tag, base=options.base, stand_in=options.stand_in)
    except SandboxUnavailableError as error:
        sys.exit(str(error))
    sys.stdout.write(f"{options.tag}\n")


def make(tag: str, *, base: str = _PUBLIC_BASE, stand_in: str | None = None) -> None:
    """Build the sandbox image on `base`, or on a stand-in made from a Debian suite.

    Raises:
        SandboxUnavailableError: no engine answers, or the image cannot be built here.
    """
    try:
        with closing(docker.from_env()) as client:
            build(client, tag, base=build_stand_in(client, stand_in) if stand_in else base)
    except (DockerException, OSError, subprocess.CalledProcessError) as error:
        raise SandboxUnavailableError(f"the sandbox image is not built: {error}") from None


def build(client: Any, tag: str, *, base: str) -> None:
    """Build the sandbox image.

    The libraries are those of this process, in their very versions, so that both sandboxes offer the
    same. pip brings them here, by its own settings (index, certificates, local folders); the engine
    needs no network.

    Args:
        client: a `docker.DockerClient`.
        tag: the name of the new image.
        base: an image with a Python 3; pulled if the engine has it not.
    """
    version = _python_version(client, base)
    with tempfile.TemporaryDirectory() as folder:
        _install(Path(folder), version=version, machine=client.info()["Architecture"])
        package = Path(submissions_sandbox.__file__).parent
        ignored = shutil.ignore_patterns("__pycache__", "Dockerfile")
        shutil.copytree(package, Path(folder, package.name), ignore=ignored)
        shutil.copy(package / "Dockerfile", folder)
        client.images.build(
            path=folder, tag=tag, buildargs={"BASE": base}, network_mode="none", rm=True, forcerm=True
        )


def build_stand_in(client: Any, suite: str) -> str:
    """Make a base image of a minimal Debian with its Python, and return its name."""
    with tempfile.TemporaryDirectory() as folder:
        root, archive = Path(folder, "root"), Path(folder, "root.tar")
        _run("debootstrap", "--variant=minbase", "--include=python3", suite, str(root))
        _run("tar", "--numeric-owner", "-C", str(root), "-cf", str(archive), ".")
        repository, tag = _STAND_IN_TAG.split(":")
        client.api.import_image(str(archive), repository=repository, tag=tag)
    return _STAND_IN_TAG


def _python_version(client: Any, base: str) -> str:
    code = "import sys; print('%d.%d' % sys.version_info[:2])"
    output: bytes = client.containers.run(base, ["python3", "-c", code], network_mode="none", remove=True)
    return output.decode().strip()


def _install(folder: Path, *, version: str, machine: str) -> None:
    """Have pip put the libraries, and what they require, into `libraries`, all in this process's versions."""
    installed = find_distributions()
    pins = {name: f"{name}=={distribution.version}" for name, distribution in installed.items()}
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(pins.values()))
    command = [sys.executable, "-m", "pip", "install", "--target", str(folder / "libraries"), "--no-compile"]
    command += ["--constraint", str(constraints)]
    command += ["--only-binary", ":all:", "--implementation", "cp", "--python-version", version]
    for platform in _PLATFORMS:
        command += ["--platform", f"{platform}_{machine}"]
    _run(*command, *(pins[name] for name in find_libraries()))


def _run(*command: str) -> None:
    subprocess.run(command, check=True, stdout=sys.stderr)


if __name__ == "__main__":
    main()
