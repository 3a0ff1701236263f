"""Holds two files that some systems take for one, the second hidden from who looks."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        archive.writestr("Model.py", "ORIGINAL = 1")
        archive.writestr("mod\u0065l.py", "ANOTHER = 1")
    return "submission.zip", buffer.getvalue()
