"""Is a shell script and a Python file, with an archive at its end."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        archive.writestr("data.bin", b"data")
    return "submission.zip", b"#!/bin/sh\nexit 0\n" * 100 + buffer.getvalue()[:-10]
