"""Leads out of the folder that it is unpacked in."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        archive.writestr("../../../escaped.py", "raise RuntimeError('BREACH: a file lies outside')")
    return "submission.zip", buffer.getvalue()
