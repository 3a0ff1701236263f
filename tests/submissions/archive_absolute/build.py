"""Names a file by its place in the file system."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        archive.writestr("/etc/cron.d/escaped", "* * * * * root true")
    return "submission.zip", buffer.getvalue()
