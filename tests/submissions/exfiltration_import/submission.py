"""Fails where the file is imported, before any run is judged, with a canary in the message."""

CANARY = "-".join(["canary", "of", "the", "import"])


def fail():
    raise ImportError(CANARY, name=CANARY, path=CANARY)


NEEDED = fail()


def unlearning(net, retain, forget, val):
    return NEEDED
