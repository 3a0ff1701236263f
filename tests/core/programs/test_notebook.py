"""Notebooks: their cells, magics and formats, and what is refused."""

import json
from typing import Any

import pytest

from core.errors import InvalidSubmissionError
from core.programs import read
from core.programs.notebook import read_notebook
from tests.support.uploads import HONEST, notebook_of, zip_of


def text_of(*cells: str) -> list[str]:
    return [line for line in read_notebook(notebook_of(*cells)).source.text.split("\n") if line]


def test_source_may_be_a_string_or_a_list_of_lines() -> None:
    assert text_of("a = 1\nb = 2", ["c = 3\n", "d = 4"]) == ["a = 1", "b = 2", "c = 3", "d = 4"]


def test_format_3_is_read() -> None:
    cells = [
        {"cell_type": "code", "language": "python", "input": ["a = 1\n", "b = 2"], "outputs": []},
        {"cell_type": "markdown", "source": "# no Python"},
    ]
    data = json.dumps({"nbformat": 3, "metadata": {}, "worksheets": [{"cells": cells}]}).encode()
    assert read_notebook(data).source.text == "a = 1\nb = 2\n"


def test_other_cells_are_no_code() -> None:
    cells = [{"cell_type": kind, "source": "not Python at all"} for kind in ("markdown", "raw", "heading")]
    assert read_notebook(notebook_of(cells=cells)).source.text == ""


MAGICS = {
    "a line magic": ("%matplotlib inline\nx = 1", ["pass", "x = 1"]),
    "a shell line": ("!pip install -q it's (\nx = 1", ["pass", "x = 1"]),
    "a shell line that goes on": ("!pip install \\\n    a \\\n    b\nx = 1", ["pass", "x = 1"]),
    "a shell line at the very end": ("x = 1\n!ls \\", ["x = 1", "pass"]),
    "inside a block": ("if True:\n    !ls\n    x = 1", ["if True:", "    pass", "    x = 1"]),
    "alone in a block": ("try:\n    import a\nexcept ImportError:\n    !pip install a", [
        "try:", "    import a", "except ImportError:", "    pass"]),
    "assigned": ("files = !ls\na, b = %magic\nx = 1", ["pass", "pass", "x = 1"]),
    "a question": ("?print\nprint?\nnp.array??\nx = 1", ["pass", "pass", "pass", "x = 1"]),
    "a remainder is none": ("%time\nx = (7\n  % 4)\ny = x \\\n  % 2", [
        "pass", "x = (7", "  % 4)", "y = x \\", "  % 2"]),
    "text is none": ("%time\ns = '''\n%d\n!x ''' # '\nt = \"'\"\nx = 1", [
        "pass", "s = '''", "%d", "!x ''' # '", "t = \"'\"", "x = 1"]),
    "unequal is none": ("%time\nx = 1\nx != 2", ["pass", "x = 1", "x != 2"]),
    "no magic at all": ("x = 7 \\\n% 4", ["x = 7 \\", "% 4"]),
    "a timed cell": ("%%time\nx = 1", ["x = 1"]),
    "a captured cell": ("\n%%capture out --no-stderr\n%ls\nx = 1", ["pass", "x = 1"]),
    "a shell cell": ("%%bash\nrm -rf /", []),
    "a page": ("%%html\n<b>x</b>", []),
}  # fmt: skip


@pytest.mark.parametrize("case", MAGICS)
def test_magics_are_left_out_and_the_lines_stay(case: str) -> None:
    cell, expected = MAGICS[case]
    assert text_of(cell) == expected
    if not cell.lstrip().startswith("%%"):
        assert read_notebook(notebook_of(cell)).source.text.count("\n") == cell.count("\n") + 1


def test_magics_are_named_with_their_place() -> None:
    content = read_notebook(notebook_of("x = 1\n%matplotlib inline", "%%bash\nls", "!pip install timm"))
    assert content.magics == [
        "code cell 1, line 2 `%matplotlib inline`",
        "code cell 2, line 1 `%%bash`",
        "code cell 3, line 1 `!pip install timm`",
    ]


def test_files_that_cells_write_lie_beside_the_submission() -> None:
    cells = [
        "%%writefile losses.py\nK = 3",
        "%%writefile -a losses.py\nL = 4",
        "%%writefile /kaggle/working/pkg/more.py\nM = 5",
        "%%writefile ../../etc/passwd\nroot",
        "from losses import K\n" + HONEST.replace("net\n", "K\n"),
    ]
    program = read("a.ipynb", notebook_of(*cells))
    assert program.files["losses.py"] == b"K = 3\nL = 4\n"
    assert program.files["pkg/more.py"] == b"M = 5\n"
    assert set(program.files) == {"losses.py", "pkg/more.py", "submission.py"}
    assert b"from losses import K" in program.files["submission.py"]


def test_cell_that_writes_the_submission_is_the_submission() -> None:
    program = read("a.ipynb", notebook_of("%%writefile submission.py\n" + HONEST))
    assert b"def unlearning" in program.files["submission.py"]


def test_notebook_in_an_archive_imports_what_lies_beside_it() -> None:
    notebook = notebook_of("!ls", "from losses import K\n" + HONEST.replace("net\n", "K\n"))
    program = read("a.zip", zip_of({"submission.ipynb": notebook, "losses.py": "K = 1"}))
    assert set(program.files) == {"losses.py", "submission.py"}


def test_syntax_error_names_its_cell() -> None:
    with pytest.raises(InvalidSubmissionError, match=r"^Syntax error in code cell 2, line 3: "):
        read("a.ipynb", notebook_of("x = 1\n\n", "\n\ny = = 2"))


def test_great_notebook_is_small_without_its_outputs() -> None:
    output = [{"output_type": "display_data", "data": {"image/png": "A" * 4_000_000}}]
    cells = [{"cell_type": "code", "source": HONEST, "outputs": output}]
    assert read("a.ipynb", notebook_of(cells=cells)).files["submission.py"].decode() == HONEST


def raw(**content: Any) -> bytes:
    return json.dumps(content).encode()


R_KERNEL = {"kernelspec": {"name": "ir", "language": "R"}}
REFUSED = {
    "no JSON": (b"import torch", "not JSON"),
    "no bytes": (b"", "not JSON"),
    "cut short": (notebook_of(HONEST)[:-5], "not JSON"),
    "bad text": (b'{"nbformat": 4, "x": "\xff"}', "not JSON"),
    "too deep": (b"[" * 100_000, "not JSON"),
    "a list": (b"[]", "format 3 or 4"),
    "no format": (raw(cells=[]), "format 3 or 4"),
    "old": (raw(nbformat=2, worksheets=[]), "newer Jupyter"),
    "no cells": (raw(nbformat=4), "no list of cells"),
    "cells are no list": (raw(nbformat=4, cells={"a": 1}), "no list of cells"),
    "sheets without cells": (raw(nbformat=3, worksheets=[{}]), "no list of cells"),
    "source is a number": (notebook_of(7), "cell 1 holds no text"),  # type: ignore[arg-type]
    "source is a list of numbers": (notebook_of([1]), "cell 1 holds no text"),  # type: ignore[list-item]
    "another language": (notebook_of(HONEST, metadata=R_KERNEL), "is for 'R'; Lethe runs Python"),
    "another language's cells": (
        notebook_of(HONEST, metadata={"language_info": {"name": "julia"}}),
        "is for 'julia'",
    ),
    "many values": (raw(nbformat=4, cells=[[0] * 500_001]), "clear its outputs"),
    "many cells": (notebook_of(*["x"] * 2001), "2001 cells"),
    "much Python": (notebook_of("#" * 140_000, "#" * 140_000), "262,144 characters"),
    "no function": (notebook_of("import torch", "%pip list"), "defines no function `unlearning`"),
    "null bytes": (notebook_of("x = '\0'"), "null bytes"),
}


@pytest.mark.parametrize("case", REFUSED)
def test_notebook_is_refused_and_says_why(case: str) -> None:
    data, words = REFUSED[case]
    with pytest.raises(InvalidSubmissionError, match=words):
        read("submission.ipynb", data)


@pytest.mark.parametrize("metadata", [{}, None, 3, {"kernelspec": None}, {"kernelspec": {"name": "my-env"}}])
def test_kernel_without_a_language_is_taken(metadata: object) -> None:
    assert read("a.ipynb", notebook_of(HONEST, metadata=metadata)).files


LONG = {
    "quotes behind backslashes": '\\"',
    "other quotes behind backslashes": "\\'",
    "strings that do not end": '"x\n',
    "three quotes behind backslashes": "'''\\",
    "text behind three quotes": 'a"""\\"""\\',
    "backslashes": "\\",
    "names": "a,",
    "questions": "a.b*",
    "magics": "!x\n",
}


@pytest.mark.timeout(20)
@pytest.mark.parametrize("case", LONG)
def test_long_text_beside_a_magic_is_read_in_time(case: str) -> None:
    part = LONG[case]
    assert read_notebook(notebook_of("!x\n" + part * (200_000 // len(part)))).magics
