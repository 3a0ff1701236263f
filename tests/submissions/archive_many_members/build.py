"""Has so many members that objects for all of them would fill the memory."""

import io
import zipfile


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("submission.py", "def unlearning(net, retain, forget, val):\n    return net\n")
        for number in range(11_000):
            archive.writestr(f"m/{number}", "")
    return "submission.zip", buffer.getvalue()
