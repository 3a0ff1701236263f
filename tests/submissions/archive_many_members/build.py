"""Has so many entries that their objects alone fill the memory."""

import io
import zipfile

ENTRY = b"def unlearning(net, retain, forget, val):\n    return net\n"


def build():
    entry = b"PK\x01\x02" + bytes(24) + b"\x01\x00" + bytes(16) + b"x"
    count = 20_000
    directory = entry * count
    end = b"PK\x05\x06" + bytes(4) + count.to_bytes(2, "little") * 2
    end += len(directory).to_bytes(4, "little") + bytes(4) + bytes(2)
    return "submission.zip", directory + end
