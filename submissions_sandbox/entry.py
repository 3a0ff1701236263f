"""A submission's entry point: imported from its program, and bound to the arguments of the contract."""

import importlib.util
import inspect
import io
import sys
import zipfile
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from types import ModuleType

import torch

NAME = "unlearning"
PARAMETERS = ("net", "retain", "forget", "val")
_SIGNATURE = f"{NAME}({', '.join(PARAMETERS)})"
_MODULE_NAME = "submission"
_FILE_NAME = "submission.py"
_LIBRARIES = ("numpy", "pandas", "scipy", "sklearn", "torch", "torchvision", "tqdm")
_POSITIONAL = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)


class UnusableEntryError(Exception):
    """The submission has no function that Lethe can call; the message is for the participant."""


def unpack(program: bytes, folder: Path) -> None:
    """Write the files of a program, an archive that the worker has made, into an empty folder."""
    with zipfile.ZipFile(io.BytesIO(program)) as archive:
        archive.extractall(folder)


def load(folder: Path) -> ModuleType:
    """Import the submission that lies in a folder; what lies beside it can be imported too."""
    path = folder / _FILE_NAME
    sys.path.insert(0, str(folder))
    spec = importlib.util.spec_from_file_location(_MODULE_NAME, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[_MODULE_NAME] = module
    spec.loader.exec_module(module)
    return module


def libraries() -> list[str]:
    """Return the names of the libraries that a submission can import here."""
    return [name for name in _LIBRARIES if importlib.util.find_spec(name) is not None]


def bind(module: ModuleType, *, device: torch.device) -> Callable[..., object]:
    """Return the entry point, to be called with the four arguments alone.

    A further required parameter is filled from a top-level name of the submission or of the module that
    the function comes from; `device` is the network's.

    Raises:
        UnusableEntryError: there is no such function, or it cannot be called so.
    """
    function = getattr(module, NAME, None)
    if not callable(function):
        raise UnusableEntryError(f"the file defines no function {_SIGNATURE}")
    _check_runs(function)
    try:
        parameters = list(inspect.signature(function).parameters.values())
    except (TypeError, ValueError):  # something built in does not say
        return function  # type: ignore[no-any-return]
    names = {**getattr(function, "__globals__", {}), **vars(module), "device": device}
    return _filled(function, _further(parameters, names))


def _filled(
    function: Callable[..., object], further: Mapping[inspect.Parameter, object]
) -> Callable[..., object]:
    """Return the function with values for parameters beyond the four, by name where they have one."""
    unnamed = [value for key, value in further.items() if key.kind is inspect.Parameter.POSITIONAL_ONLY]
    named = {
        key.name: value for key, value in further.items() if key.kind is not inspect.Parameter.POSITIONAL_ONLY
    }
    if not unnamed:
        return partial(function, **named)
    return lambda *arguments: function(*arguments, *unnamed, **named)


def _check_runs(function: Callable[..., object]) -> None:
    body = function if inspect.isroutine(function) else getattr(function, "__call__", function)  # noqa: B004
    if inspect.iscoroutinefunction(body) or inspect.isasyncgenfunction(body):
        raise UnusableEntryError(f"{NAME} is an async function; write it as a plain `def`")
    if inspect.isgeneratorfunction(body):
        raise UnusableEntryError(
            f"{NAME} has a `yield` in it, so a call runs none of it; return the net instead"
        )


def _further(
    parameters: list[inspect.Parameter], names: Mapping[str, object]
) -> dict[inspect.Parameter, object]:
    """Return what the required parameters beyond the four get, in order."""
    positional = [parameter for parameter in parameters if parameter.kind in _POSITIONAL]
    takes_any = any(parameter.kind is inspect.Parameter.VAR_POSITIONAL for parameter in parameters)
    if len(positional) < len(PARAMETERS) and not takes_any:
        raise UnusableEntryError(
            f"{NAME} takes {len(positional)} arguments; Lethe calls {_SIGNATURE} with four"
        )
    keyword_only = [parameter for parameter in parameters if parameter.kind is inspect.Parameter.KEYWORD_ONLY]
    further = [*positional[len(PARAMETERS) :], *keyword_only]
    required = [parameter for parameter in further if parameter.default is inspect.Parameter.empty]
    if missing := [parameter.name for parameter in required if parameter.name not in names]:
        raise UnusableEntryError(
            f"{NAME} requires {', '.join(missing)} beyond {_SIGNATURE}; give a default value, or define a "
            "top-level name like it"
        )
    return {parameter: names[parameter.name] for parameter in required}
