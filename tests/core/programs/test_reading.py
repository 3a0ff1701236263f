"""Which uploads are taken, whole or sliced, what is said of them, and how a refusal is worded."""

import argparse
import inspect
import random

import pytest

from core.errors import InvalidSubmissionError
from core.programs import read
from tests.support.uploads import HONEST, notebook_of, zip_of

EMPTY = "def unlearning(net, retain, forget, val): pass"


def program_of(text: str) -> str:
    return read("submission.py", text.encode()).files["submission.py"].decode()


WHOLE = {
    "a docstring and constants": '"""What I do."""\nimport torch\nLR = 1e-3\nUNUSED = [1, 2]\n',
    "a registering call": "R = {}\ndef register(f): R['f'] = f\nregister(len)\n",
    "settings of libraries": "import torch\ntorch.set_default_dtype(torch.float32)\n",
    "seeding": "import torch\ntorch.manual_seed(0)\n",
    "an unused helper": "def helper(): raise ValueError\n",
    "a main guard": "if __name__ == '__main__':\n    for i in range(512): unlearning(1, 2, 3, 4)\n",
    "a file of its own read for the function": "import json\nwith open('c.json') as f: C = json.load(f)\n",
    "an import that may fail": "try:\n    import torchvision\nexcept ImportError:\n    torchvision = None\n",
    "libraries": "import sklearn, scipy.stats, pandas as pd, numpy as np, tqdm\n",
    "a loop that fills what is needed": "T = {}\nfor k in range(3): T[k] = k\n",
}


@pytest.mark.parametrize("case", WHOLE)
def test_plain_module_is_taken_as_it_is(case: str) -> None:
    used = next((name for name in "CT" if f"{name} =" in WHOLE[case]), "net")
    text = f"{WHOLE[case]}def unlearning(net, retain, forget, val):\n    return {used}\n"
    program = read("submission.py", text.encode())
    assert program.files == {"submission.py": text.encode()}
    assert program.warnings == ()


SCRIPTS = {
    "calls the function": "out = unlearning(1, 2, 3, 4)",
    "loops": "for i in range(512):\n    print(i)",
    "raises": "import torch\nif not torch.cuda.is_available():\n    raise RuntimeError('GPU')",
    "asserts": "import torch\nassert torch.cuda.is_available()",
    "imports what is not there": "import requests",
    "imports what may not be there": "from torchvision import transforms",
    "downloads": "import urllib.request\nurllib.request.urlretrieve('http://x', 'y')",
    "downloads by hub": "import torch\nm = torch.hub.load('a', 'b')",
    "downloads a data set": "from data import CIFAR\nd = CIFAR(download=True)",
    "reads a file": "import torch\nw = torch.load('weights.pth')",
    "reads a table": "import pandas as pd\nd = pd.read_csv('/kaggle/input/retain.csv')",
    "starts a process": "import subprocess\nsubprocess.run('zip', shell=True)",
    "asks the shell": "import os\nos.system('ls')",
}


@pytest.mark.parametrize("case", SCRIPTS)
def test_script_is_sliced_and_that_is_said(case: str) -> None:
    program = read("submission.py", f"{SCRIPTS[case]}\n{HONEST}".encode())
    assert program.files["submission.py"].decode().strip() == HONEST.strip()
    assert "Only what `unlearning` needs is run" in program.warnings[0]
    assert "Left out: line " in program.warnings[1]


def test_module_beside_the_file_is_there() -> None:
    files = {"submission.py": f"import losses, pkg.more\n{HONEST}", "losses.py": "", "pkg/more.py": ""}
    assert read("a.zip", zip_of(files)).warnings == ()


def test_file_in_an_encoding_of_its_own_keeps_it() -> None:
    data = f"# -*- coding: latin-1 -*-\nNAME = 'é'\n{HONEST}".encode("latin-1")
    assert read("a.py", data).files["submission.py"] == data
    script = read("a.py", data + b"import requests\nprint(NAME)").files["submission.py"].decode()
    assert script.strip() == HONEST.strip()


def test_windows_lines_and_a_mark_at_the_start_are_taken() -> None:
    data = b"\xef\xbb\xbf" + f"import requests\n{HONEST}".replace("\n", "\r\n").encode()
    assert read("a.py", data).files["submission.py"].decode().strip() == HONEST.strip()


@pytest.mark.parametrize(
    "text",
    [
        EMPTY,
        "def unlearning(net, retain, forget, val, *, steps=3): pass",
        "def unlearning(net, retain, forget, val, steps=3): pass",
        "def unlearning(net, retain, forget, val, *more, **options): pass",
        "def unlearning(*loaders): pass",
        "def unlearning(net, retain, forget, val, device): pass",
        "def unlearning(net, retain, forget, val, *, device): pass",
        "LR = 1\ndef unlearning(net, retain, forget, val, LR): pass",
        "from torch import nn as unlearning",
        "from method import *",
        "unlearning = lambda net, retain, forget, val: net",
        "from functools import partial\ndef f(lr, *a): pass\nunlearning = partial(f, 1)",
        "class U:\n    def __call__(self, *a): pass\nunlearning = U()",
        "if True:\n    def unlearning(net, retain, forget, val): pass",
        "try:\n    def unlearning(net, retain, forget, val): pass\nfinally:\n    pass",
        "from contextlib import contextmanager\n@contextmanager\ndef unlearning(a): yield",
        "def unlearning(net, retain, forget, val):\n    def batches(): yield 1\n    return net",
        "async def unlearning(a): pass\n" + EMPTY,
        "x = '\\d'\n" + EMPTY,
    ],
)  # fmt: skip
def test_entry_points_that_can_be_called_are_taken(text: str) -> None:
    assert program_of(text) == text


REFUSED = {
    "nothing": (b"", "defines no function `unlearning`"),
    "another name": (b"def unlearn(net, retain, forget, val): pass", "no function.*It defines `unlearn`"),
    "a method": (
        b"class A:\n    def unlearning(self, net, retain, forget, val): pass",
        "defines no function",
    ),
    "a branch that is off": (b"if False:\n    def unlearning(a, b, c, d): pass", "defines no function"),
    "a syntax error": (
        b"x = 1\ndef unlearning(net, retain, forget, val:\n    pass",
        "Syntax error in line 2",
    ),
    "three parameters": (b"def unlearning(net, retain, forget): pass", "takes 3 arguments"),
    "a fifth": (b"def unlearning(net, retain, forget, val, lr): pass", "requires `lr` beyond the four"),
    "a fifth in a lambda": (b"unlearning = lambda a, b, c, d, e: a", "requires `e`"),
    "a fifth by keyword": (b"def unlearning(net, retain, forget, val, *, lr): pass", "requires `lr`"),
    "async": (b"async def unlearning(net, retain, forget, val): pass", "async"),
    "a generator": (b"def unlearning(net, retain, forget, val):\n    if 1:\n        yield net", "`yield`"),
    "a return outside": (b"x = 1\nreturn x\n" + EMPTY.encode(), "Syntax error in line 2"),
    "a second name for nonlocal": (b"nonlocal x\n" + EMPTY.encode(), "Syntax error in line 1"),
    "null bytes": (EMPTY.encode() + b"\0", "null bytes"),
    "UTF-16": ("\ufeff".encode("utf-16") + b"x", "null bytes|not text"),
    "bytes": (b"\xff\xfedef", "Syntax error: the file is not text"),
    "an unknown encoding": (b"# coding: klingon\n" + EMPTY.encode(), "Syntax error"),
    "brackets": (b"x = " + b"(" * 5000 + b")" * 5000, "Syntax error|cannot be parsed"),
    "signs": (b"x = " + b"-" * 100_000 + b"1", "cannot be parsed|Syntax error"),
    "dots": (EMPTY.encode() + b"\nx" + b".a" * 50_000, "nested|parsed|Syntax"),
    "a sum": (EMPTY.encode() + b"\nx = 1" + b"+1" * 50_000, "nested|parsed|Syntax"),
    "branches": (EMPTY.encode() + b"\nif x: pass" + b"\nelif x: pass" * 5000, "nested|parsed|Syntax"),
    "a number that cannot be written": (
        b"import q, requests\nif q:\n    x = 0x" + b"f" * 5000 + b"\n    for i in q: 0\n"
        b"def unlearning(net, retain, forget, val): return x",
        "a number is too long",
    ),
    "many fields": (
        EMPTY.encode() + b"\nx = f'" + b"{a}" * 80_000 + b"'",
        "f-string in line 2 has more than",
    ),
    "too long": (EMPTY.encode() + b"\n#" * 140_000, "280,046 characters"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_file_is_refused_and_says_why(case: str) -> None:
    data, words = REFUSED[case]
    with pytest.raises(InvalidSubmissionError, match=words):
        read("submission.py", data)


@pytest.mark.parametrize("name", ["a.txt", "a", "", "a.tar.gz", "py", ".py.exe"])
def test_other_endings_are_refused_with_those_that_are_taken(name: str) -> None:
    with pytest.raises(InvalidSubmissionError, match=r"`\.py`.*`\.ipynb`.*`\.zip`"):
        read(name, HONEST.encode())


@pytest.mark.parametrize(
    ("parameters", "doubtful"),
    [
        ("net, forget_loader, retain_loader, val", True),
        ("net, forget, keep, val", True),
        ("net, a, retain_set, val", True),
        ("net, retain, forget, val", False),
        ("model, a, b, c", False),
    ],
)
def test_parameters_that_look_swapped_are_warned_of(parameters: str, doubtful: bool) -> None:
    program = read("a.py", f"def unlearning({parameters}): pass".encode())
    assert any("look swapped" in warning for warning in program.warnings) is doubtful
    assert parameters in program.files["submission.py"].decode()


def test_name_that_nothing_defines_is_warned_of() -> None:
    program = read("a.ipynb", notebook_of("def unlearning(net, retain, forget, val): return helper(net)"))
    assert program.warnings[0] == "Nothing defines `helper`, which `unlearning` may use."


def test_parameter_beyond_the_four_keeps_what_fills_it() -> None:
    notebook = notebook_of("LR = 1", "B = 2", "def unlearning(net, retain, forget, val, LR, device): pass")
    text = read("a.ipynb", notebook).files["submission.py"].decode()
    assert "LR = 1" in text
    assert "B = 2" not in text


def test_same_upload_is_the_same_program() -> None:
    data = notebook_of(
        "import torch, os, requests", "X = 1", "!ls", HONEST, "for i in range(3):\n    print(X)"
    )
    assert read("a.ipynb", data) == read("b.ipynb", data)


def test_files_cut_and_mixed_are_read_or_refused_and_nothing_else() -> None:
    source = random.Random(5)
    seeds = [inspect.getsource(module) for module in (argparse, random)]
    for _ in range(150):
        text = source.choice(seeds)
        a, b = (source.randrange(len(text)) for _ in range(2))
        mixed = text[a : a + 1500] + "\n" + HONEST + text[b : b + 1500]
        for name, data in (
            ("a.py", mixed.encode()),
            ("a.ipynb", notebook_of(text[a : a + 900], HONEST, text[b : b + 900])),
        ):
            try:
                program = read(name, data)
            except InvalidSubmissionError:
                continue
            compile(program.files["submission.py"], "submission.py", "exec")


def chain(part: str, n: int) -> str:
    return "".join(part.replace("I", str(k)).replace("J", str(k + 1)) for k in range(n))


LONG = {
    "names": chain("aI = aJ\n", 4_900) + "a4900 = 1",
    "names that a method is asked with": chain("aI = []\n", 2_400) + chain("aI.x(aJ)\n", 2_400),
    "functions": chain("def aI(): return aJ()\n", 4_900),
    "functions that fill": chain("def aI(t): aJ(t); T.x()\n", 4_900) + "T = []\na0(T)",
    "one statement with many names": "x = [" + chain("bI, ", 20_000) + "]\nx.append(x)",
    "texts of many names": "y = 1; x = [" + ("f'" + "{a}" * 1_900 + "', ") * 40 + "]",
    "calls of calls": "x = [" + ("a" + "()" * 80 + ", ") * 1_500 + "]",
    "lambdas": "x = [" + ("lambda: " * 40 + "a, ") * 700 + "]",
    "an import of many": "import requests, " + ", ".join(["os"] * 4_800),
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", LONG)
def test_long_file_is_read_in_time(case: str) -> None:
    text = f"{LONG[case]}\ndef unlearning(net, retain, forget, val): return a0, x, T\nfor i in y: 0\n"
    assert read("a.py", text.encode()).files


def test_more_statements_than_can_be_followed_are_refused() -> None:
    with pytest.raises(InvalidSubmissionError, match=r"more than 5,000 statements.*data into files"):
        read("a.py", f"{'x=1;' * 5_000}\n{EMPTY}".encode())
