"""Raises an exception whose class, text, notes, cause, functions and files all carry a canary."""

CANARY = "_".join(["canary", "of", "the", "exception"])

SOURCE = f"""
class {CANARY}(Exception):
    __module__ = {CANARY!r}
    __qualname__ = {CANARY!r}

def {CANARY}_function(person):
    error = {CANARY}({CANARY!r}, person)
    error.add_note({CANARY!r} + "<script>alert(1)</script>\\x1b[2J\\0\\ud800")
    raise error from KeyError({CANARY!r})
"""


def unlearning(net, retain, forget, val):
    path = f"/tmp/{CANARY}.py"
    with open(path, "w") as file:
        file.write(SOURCE)
    names = {}
    exec(compile(SOURCE, path, "exec"), names)
    names[f"{CANARY}_function"](int(forget.dataset[0]["person_id"]))
