"""How the entry point of a submission is found and called."""

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from core.programs import Program
from submissions_sandbox import entry

DEVICE = torch.device("meta")


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    before = set(sys.modules)
    yield
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def bind(tmp_path: Path) -> Callable[..., Any]:
    def bind(text: str, **files: str) -> Any:
        contents = {"submission.py": text, **{f"{name}.py": content for name, content in files.items()}}
        program = Program({path.replace("__", "/"): content.encode() for path, content in contents.items()})
        entry.unpack(program.to_bytes(), tmp_path)
        return entry.bind(entry.load(tmp_path), device=DEVICE)

    return bind


CALLABLE = {
    "a function": ("def unlearning(net, retain, forget, val): return net, retain, forget, val", (1, 2, 3, 4)),
    "any names": ("def unlearning(a, b, c, d): return a, b, c, d", (1, 2, 3, 4)),
    "by position alone": ("def unlearning(a, b, c, d, /): return a, b, c, d", (1, 2, 3, 4)),
    "any number": ("def unlearning(*all): return all", (1, 2, 3, 4)),
    "some and any": ("def unlearning(net, *loaders): return loaders", (2, 3, 4)),
    "defaults": ("lr = 9\ndef unlearning(a, b, c, d, lr=5, *, n=6, **kw): return lr, n, kw", (5, 6, {})),
    "filled": ("LR = 7\ndef unlearning(a, b, c, d, LR): return a, d, LR", (1, 4, 7)),
    "filled by keyword": ("LR = 7\ndef unlearning(a, b, c, d, *, LR): return LR", 7),
    "filled by position alone": (
        "A = 7\nB = 8\ndef unlearning(a, b, c, d, A, B, /, *, device): return d, A, B, device",
        (4, 7, 8, DEVICE),
    ),
    "filled after any number": ("LR = 7\ndef unlearning(a, *rest, LR): return rest, LR", ((2, 3, 4), 7)),
    "the device": ("device = 'wrong'\ndef unlearning(a, b, c, d, device): return device", DEVICE),
    "the device by keyword": ("def unlearning(a, b, c, d, *, device): return device", DEVICE),
    "a lambda": ("unlearning = lambda a, b, c, d: d", 4),
    "an object": ("class U:\n    def __call__(self, a, b, c, d): return d\nunlearning = U()", 4),
    "a bound method": ("class U:\n    def f(self, a, b, c, d): return d\nunlearning = U().f", 4),
    "a class method": ("class U:\n  @classmethod\n  def f(cls, a, b, c, d): return d\nunlearning = U.f", 4),
    "a partial": ("from functools import partial\ndef f(x, a, b, c, d, *, k): return x, d, k\n"
                  "unlearning = partial(f, 8, k=9)", (8, 4, 9)),
    "a decorated one": ("import functools, torch\n@torch.no_grad()\n@functools.lru_cache\n"
                        "def unlearning(a, b, c, d): return d", 4),
    "a wrapper without names": ("def wrap(f):\n    def g(*a, **k): return f(*a, **k)\n    return g\n"
                                "@wrap\ndef unlearning(a, b, c, d): return d", 4),
    "in a branch": ("try:\n    def unlearning(a, b, c, d): return d\nexcept ImportError:\n    pass", 4),
}  # fmt: skip


@pytest.mark.parametrize("case", CALLABLE)
def test_entry_point_is_called_with_the_four_by_position(bind: Callable[..., Any], case: str) -> None:
    text, expected = CALLABLE[case]
    assert bind(text)(1, 2, 3, 4) == expected


def test_entry_point_of_another_module_is_filled_from_there(bind: Callable[..., Any]) -> None:
    method = "from .base import K\ndef run(a, b, c, d, K, LR): return K, LR"
    files = {"pkg____init__": "", "pkg__base": "K = 5", "pkg__method": method}
    assert bind("LR = 6\nfrom pkg.method import run as unlearning", **files)(1, 2, 3, 4) == (5, 6)


def test_files_beside_it_are_found(bind: Callable[..., Any]) -> None:
    text = "from pathlib import Path\nimport helper\ndef unlearning(*a): return Path(__file__).name, helper.K"
    assert bind(text, helper="K = 3")() == ("submission.py", 3)


UNUSABLE = {
    "nothing": ("x = 1", "defines no function unlearning"),
    "a number": ("unlearning = 3", "defines no function"),
    "three": ("def unlearning(a, b, c): pass", "takes 3 arguments; Lethe calls unlearning"),
    "one more": ("def unlearning(a, b, c, d, lr, n): pass", "requires lr, n beyond"),
    "one more by keyword": ("def unlearning(a, b, c, d, *, lr): pass", "requires lr beyond"),
    "a partial of three": ("from functools import partial\ndef f(a, b, c, d): 0\nunlearning = partial(f, 1)",
                           "takes 3 arguments"),
    "async": ("def wrap(f): return f\n@wrap\nasync def unlearning(a, b, c, d): pass", "async"),
    "async generator": ("async def unlearning(a, b, c, d): yield", "async"),
    "a generator": ("def unlearning(a, b, c, d): yield a", "`yield`"),
    "an async object": ("class U:\n  async def __call__(self, a, b, c, d): 0\nunlearning = U()", "async"),
}  # fmt: skip


@pytest.mark.parametrize("case", UNUSABLE)
def test_entry_point_that_cannot_be_called_says_why(bind: Callable[..., Any], case: str) -> None:
    text, words = UNUSABLE[case]
    with pytest.raises(entry.UnusableEntryError, match=words):
        bind(text)


def test_libraries_are_those_that_can_be_imported() -> None:
    assert {"numpy", "torch"} <= set(entry.libraries())
