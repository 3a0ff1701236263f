"""Unpacks to a thousand times its size."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        for number in range(8):
            archive.writestr(f"zeros-{number}.bin", bytes(1 << 25))
    return "submission.zip", buffer.getvalue()
