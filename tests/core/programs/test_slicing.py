"""What is kept of a top level, and that the slice of a submission does what the whole does."""

import ast
import textwrap
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from core.programs.layout import lay_out
from core.programs.slicing import slice_module


def sliced(text: str, *, as_script: bool = True) -> str:
    text = textwrap.dedent(text)
    module = ast.parse(text)
    taken = slice_module(module, text, entry="unlearning", as_script=as_script, own_modules=())
    return lay_out(taken.kept, module=module, text=text)


def lines(text: str, *, as_script: bool = True) -> list[str]:
    return [line for line in sliced(text, as_script=as_script).split("\n") if line.strip()]


def outcome(text: str) -> Any:
    names: dict[str, Any] = {"__name__": "submission"}
    exec(text, names)
    return names["unlearning"]()


KEEPS = {
    "a helper's helper": (
        "def a(): return 1\ndef b(): return a()\ndef c(): return 2\ndef unlearning(): return b()",
        1,
    ),
    "a local shares the driver's name": (
        "loader = 1 / 0\ndef unlearning():\n    loader = 3\n    return loader",
        3,
    ),
    "a parameter shares the driver's name": ("net = 1 / 0\ndef unlearning(net=4): return net", 4),
    "a comprehension's variable": ("i = 1 / 0\ndef unlearning(): return [i for i in range(2)]", [0, 1]),
    "an outer function's name": (
        "x = 1 / 0\ndef unlearning():\n    x = 5\n    def f(): return x\n    return f()",
        5,
    ),
    "a default": ("LR = 1\ndef unlearning(lr=LR): return lr", 1),
    "a decorator": ("def twice(f): return lambda: 2 * f()\n@twice\ndef unlearning(): return 4", 8),
    "an annotation": ("class Net: pass\ndef unlearning(net: Net = None) -> Net: return 1", 1),
    "a class body": ("LR = 1\nclass A:\n    lr = LR\n    LR = LR\ndef unlearning(): return A.lr + A.LR", 2),
    "a base class": ("class A: x = 1\nclass B(A): pass\nclass C(A): pass\ndef unlearning(): return B.x", 1),
    "a method's global": (
        "K = 6\nclass A:\n    K = 7\n    def f(self): return K\ndef unlearning(): return A().f()",
        6,
    ),
    "an f-string": ("NAME = 'x'\ndef unlearning(): return f'{NAME!r:>{len(NAME) + 4}}'", "  'x'"),
    "a global statement": (
        "n = 0\ndef bump():\n    global n\n    n += 1\ndef unlearning():\n    bump()\n    return n",
        1,
    ),
    "an augmented assignment": ("n = 1\nn += 2\ndef unlearning(): return n", 3),
    "an annotated assignment": ("n: int = 3\ndef unlearning(): return n", 3),
    "a tuple": ("a, (b, *c) = 1, (2, 3, 4)\ndef unlearning(): return c", [3, 4]),
    "a chain": ("a = b = 7\ndef unlearning(): return b", 7),
    "an item": (
        "cfg = {}\ncfg['lr'] = 1\ncfg['bs']: int = 2\ndef unlearning(): return cfg",
        {"lr": 1, "bs": 2},
    ),
    "an attribute": ("class C: x = 1\nC.x = 2\ndef unlearning(): return C.x", 2),
    "an attribute of a module": ("import math\nmath.extra = 5\ndef unlearning(): return math.extra", 5),
    "a deleted item": ("cfg = {'a': 1, 'b': 2}\ndel cfg['a']\ndef unlearning(): return cfg", {"b": 2}),
    "the last definition": ("def f(): return 1\ndef f(): return 2\ndef unlearning(): return f()", 2),
    "a definition after the function": ("def unlearning(): return late()\ndef late(): return 9", 9),
    "the last entry point": ("def unlearning(): return 1\ndef unlearning(): return 2", 2),
    "a wrapped entry point": (
        "from functools import partial\ndef unlearning(n): return n\nunlearning = partial(unlearning, 3)",
        3,
    ),
    "a lambda": ("k = 2\nunlearning = lambda: k", 2),
    "a callable object": ("class U:\n    def __call__(self): return 3\nunlearning = U()", 3),
    "a constant flag that is off": (
        "DEBUG = False\nif DEBUG:\n    n = 1 / 0\nelse:\n    n = 2\ndef unlearning(): return n",
        2,
    ),
    "a flag in a condition": (
        "FAST = True\nif not FAST and 1 / 0:\n    n = 1\nelif FAST:\n    n = 2\ndef unlearning(): return n",
        2,
    ),
    "a branch that only running tells": (
        "import os\nif os.name == 'nt':\n    n = 1\nelse:\n    n = 2\ndef unlearning(): return n",
        2,
    ),
    "a definition in a branch": ("import sys\nif sys:\n    def unlearning(): return 3", 3),
    "an import that may fail": (
        "try:\n    import no_such as m\nexcept ImportError:\n    m = None\ndef unlearning(): return m",
        None,
    ),
    "a table that a loop fills": (
        "T = {}\nfor k in range(3):\n    T[k] = k * k\ndef unlearning(): return T",
        {0: 0, 1: 1, 2: 4},
    ),
    "a loop's own result": ("for k in range(3):\n    n = k\ndef unlearning(): return n", 2),
    "a context manager": (
        "import io\nwith io.StringIO('5') as f:\n    n = int(f.read())\ndef unlearning(): return n",
        5,
    ),
    "a method's call": ("L = []\nL.append(2)\ndef unlearning(): return L", [2]),
    "a registering call": (
        "R = {}\ndef register(k, v): R[k] = v\nregister('a', 1)\ndef unlearning(): return R",
        {"a": 1},
    ),
    "a registering decorator": (
        "R = {}\ndef method(f):\n    R[f.__name__] = f\n    return f\n@method\ndef fine(): return 4\n"
        "def unlearning(): return R['fine']()",
        4,
    ),
    "a registering call that calls another": (
        "R = []\ndef add(v): R.append(v)\ndef register(v): add(v)\nregister(1)\ndef unlearning(): return R",
        [1],
    ),
    "a walrus": ("print(n := 3)\nif (m := 4):\n    k = m\ndef unlearning(): return k", 4),
    "a star import": ("from math import *\ndef unlearning(): return floor(2.5)", 2),
    "a future import": ("from __future__ import annotations\nx = 1\ndef unlearning(n: x = 2): return n", 2),
    "a match": ("match 3:\n    case k:\n        n = k\ndef unlearning(): return n", 3),
    "statements on one line": ("a = 1; b = 1 / 0; c = 3\ndef unlearning(): return a + c", 4),
    "text of several lines": ("s = '''a\n    b\n'''\nx = 1 / 0\ndef unlearning(): return s", "a\n    b\n"),
    "a list that a loop extends": (
        "L = []\nfor k in range(1, 4): L.append(f'layer{k}')\ndef unlearning(): return L",
        ["layer1", "layer2", "layer3"],
    ),
    "a table that a loop extends": (
        "S = {}\nfor k in 'ab':\n    S.setdefault(k, []).append(1)\ndef unlearning(): return S",
        {"a": [1], "b": [1]},
    ),
    "what a `with` changes": (
        "import io\nS = {1}\nwith io.StringIO():\n    S.update({2})\ndef unlearning(): return S",
        {1, 2},
    ),
    "a helper that fills its argument": (
        "T = {}\ndef fill(t): t['a'] = 1\nfill(T)\ndef unlearning(): return T",
        {"a": 1},
    ),
    "a helper that has it filled, by keyword": (
        "T = {}\ndef fill(k, *, t): t.update({k: 1})\ndef more(t): fill('a', t=t)\nmore(T)\n"
        "def unlearning(): return T",
        {"a": 1},
    ),
    "a helper that fills what all know": (
        "T = {}\ndef fill(t): t['a'] = 1\ndef main(): fill(T)\nmain()\ndef unlearning(): return T",
        {"a": 1},
    ),
    "a loop of a helper": (
        "T = []\ndef add(v): T.append(v)\nfor k in range(2): add(k)\ndef unlearning(): return T",
        [0, 1],
    ),
    "what is extended by another": ("a = [1]\nb = [2]\na.extend(b)\ndef unlearning(): return a", [1, 2]),
    "what is extended by what is computed": (
        "def make(): return [2]\na = [1]\nb = make()\na.extend(b)\ndef unlearning(): return a",
        [1, 2],
    ),
    "a library's function that fills": (
        "from heapq import heapify\nH = [3, 1]\nheapify(H)\ndef unlearning(): return H",
        [1, 3],
    ),
    "functions in a circle": (
        "T = []\ndef f(n):\n    T.append(n)\n    if n: g(n - 1)\ndef g(n): f(n)\ng(1)\n"
        "def unlearning(): return T",
        [1, 0],
    ),
    "a method that decorates": (
        "class R(dict):\n    def method(self, f): self[f.__name__] = f()\nR = R()\n@R.method\n"
        "def fine(): return 4\ndef unlearning(): return R['fine']",
        4,
    ),
    "a walrus in a condition": ("if (m := 4): pass\ndef unlearning(): return m", 4),
    "a name that is deleted at the end": ("m = 4\ndef unlearning(): return m\ndel m", 4),
    "a name that is deleted before": ("len = 4\ndel len\ndef unlearning(): return len([])", 0),
    "a decorator in brackets": (
        "if True:\n\t@(\n\tstaticmethod\n\t)\n\tdef f(): return 3\ndef unlearning(): return f()",
        3,
    ),
    "a letter of another alphabet": ("ä = 'é'; b = 1 / 0\ndef unlearning(): return ä", "é"),
}


@pytest.mark.parametrize("case", KEEPS)
def test_slice_keeps(case: str) -> None:
    text, expected = KEEPS[case]
    assert outcome(sliced(text)) == expected


DROPS = {
    "a magic's place": "pass",
    "a print": "print(K)",
    "seeding": "import random; random.seed(K)",
    "a guard": "if K != 1:\n    raise RuntimeError('no accelerator')",
    "an assertion": "assert K == 2",
    "a driver's loop": "for i in range(512):\n    unlearning()\n    state = K",
    "a driver's call": "result = unlearning()",
    "a driver's loop that keeps books": "for i in range(3):\n    H[i] = unlearning()",
    "a helper's call that needs a loader": "loader = download()\ndef train(x): H['n'] = x\ntrain(loader)",
    "a method's call that needs a loader": "loader = download()\nH.update(loader)",
    "a driver's loop through a helper": "def run(): return unlearning()\nfor i in range(3): H.update(run())",
    "a driver's loop through a helper that keeps books": (
        "def run(): H[0] = unlearning()\nfor i in range(3): run()"
    ),
    "a driver's table": "out = unlearning()\nH.update(out)",
    "a loop over a loader": "loader = make(open('x'))\nfor x in loader:\n    H.update(x)",
    "a loop that downloads": "import requests\nfor x in range(3):\n    H.update(requests.get(x))",
    "a helper's loop over a loader": (
        "loader = make(read())\ndef train(t):\n    for x in loader: t[0] = x\nfor e in range(3): train(H)"
    ),
    "a helper that only reads": "def show(t): return t.items()\nshow(H)",
    "a loop that only reads": "for k in range(3):\n    print(H.get(k))",
    "a main guard's driver": "if __name__ == '__main__':\n    main(download())",
    "an unneeded import": "import requests, torchvision\nfrom torchvision import models",
    "an unneeded class": "class Hidden(Dataset): pass",
    "an unneeded try": "try:\n    import google.colab\nexcept ImportError:\n    download()",
    "what only the dropped need": "URL = fetch()\nDATA = load(URL)",
}


@pytest.mark.parametrize("case", DROPS)
def test_slice_drops(case: str) -> None:
    needed = ["K = 1", "H = {}", "def unlearning():", "    return K, H"]
    text = "\n".join([*needed[:2], DROPS[case], *needed[2:]])
    assert lines(text) == needed


def test_main_guard_of_a_notebook_is_taken_and_of_a_file_is_not() -> None:
    text = "if __name__ == '__main__':\n    k = 1\nelse:\n    k = 2\ndef unlearning(): return k"
    assert outcome(sliced(text, as_script=True)) == 1
    assert outcome(sliced(text, as_script=False)) == 2


def test_branch_that_is_kept_keeps_saying_why_the_other_fails() -> None:
    guarded = "import sys\nif sys.nothing:\n    k = 1\nelse:\n    raise RuntimeError('no accelerator')\n"
    assert "raise RuntimeError('no accelerator')" in sliced(f"{guarded}def unlearning(): return k")


def test_import_of_several_keeps_only_what_is_needed() -> None:
    assert lines("import os, requests, sys\ndef unlearning(): return os, sys")[0] == "import os; import sys"


def test_kept_lines_stay_where_they_were() -> None:
    text = "import os\n\n# why\nx = 1\nfor _ in []:\n    pass\n@staticmethod\n"
    text += "def unlearning():\n    # here\n    return x\n"
    written = text.split("\n")
    for number, line in enumerate(sliced(text).split("\n")):
        assert line in ("", written[number])
    assert "    # here" in sliced(text)


def test_long_chains_end_in_an_error_that_can_be_told() -> None:
    text = "if a:\n    pass\n" + "elif b:\n    pass\n" * 3000
    with pytest.raises((RecursionError, MemoryError)):
        slice_module(ast.parse(text), text, entry="unlearning", as_script=True, own_modules=())


# Modules of statements over a few names, each of which works whatever came before it.
_NAMES = st.sampled_from(["a", "b", "c", "d"])
_FUNCTIONS = st.sampled_from(["f", "g", "h"])
_VALUES = st.one_of(
    st.integers(0, 9).map(str),
    _NAMES.map(lambda n: f"globals().get({n!r}, 0)"),
    _NAMES,
    st.tuples(_NAMES, _NAMES).map(lambda p: f"[{p[0]} for {p[0]} in range(2)] + [{p[1]}]"),
)
_SIMPLE = st.one_of(
    st.tuples(_NAMES, _VALUES).map(lambda p: f"{p[0]} = {p[1]}"),
    st.tuples(_NAMES, _NAMES, _VALUES).map(lambda p: f"{p[0]}, {p[1]} = 1, {p[2]}"),
    st.tuples(_NAMES, _VALUES).map(lambda p: f"{p[0]} = [{p[1]}]; {p[0]}[0] = 5"),
    st.tuples(_NAMES, _NAMES).map(lambda p: f"{p[0]} = {{}}; {p[0]}['k'] = {p[1]}"),
    st.tuples(_NAMES, _NAMES).map(lambda p: f"for {p[0]} in [1, 2]: {p[1]} = {p[0]}"),
    st.tuples(_NAMES, _VALUES).map(lambda p: f"try: {p[0]} = {p[1]}\nexcept ZeroDivisionError: pass"),
    st.tuples(_FUNCTIONS, _NAMES, _VALUES).map(lambda p: f"def {p[0]}({p[1]}=1): return {p[2]}"),
    st.tuples(_FUNCTIONS, _FUNCTIONS).map(lambda p: f"def {p[0]}(): return {p[1]}.__name__"),
    st.tuples(_FUNCTIONS, _NAMES, _VALUES).map(lambda p: f"class {p[0]}:\n    {p[1]} = {p[2]}"),
    _NAMES.map(lambda n: f"print({n}, file=None) if False else None"),
)
_STATEMENTS = st.one_of(
    _SIMPLE,
    st.tuples(_NAMES, _SIMPLE, _SIMPLE).map(
        lambda p: f"if {p[0]}:\n{textwrap.indent(p[1], '    ')}\nelse:\n{textwrap.indent(p[2], '    ')}"
    ),
)
_START = "a = b = c = d = 0\ndef f(): return 0\ndef g(): return 0\ndef h(): return 0\n"


@given(st.lists(_STATEMENTS, max_size=8), _VALUES, _FUNCTIONS)
@settings(deadline=None, max_examples=300)
def test_slice_does_what_the_whole_does(statements: list[str], value: str, function: str) -> None:
    value = value if "globals" not in value else "a"
    statements = [s for s in statements if "globals" not in s]
    text = _START + "\n".join(statements) + f"\ndef unlearning(): return {value}, {function}.__name__\n"
    assert repr(outcome(sliced(text, as_script=False))) == repr(outcome(text))
