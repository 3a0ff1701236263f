"""Prints a face and a canary in every way and every encoding, as markup and control characters too."""

import base64
import logging
import os
import sys
import warnings

CANARY = "-".join(["canary", "of", "the", "log"])


def unlearning(net, retain, forget, val):
    face = forget.dataset[0]
    pixels = bytes(face.image[:, 0, :16].flatten().byte().tolist())
    raw = CANARY.encode()
    for text in (CANARY, raw.hex(), base64.b64encode(raw).decode(), CANARY[::-1], f"person {face['person_id']}"):
        print(text)
        print(text, file=sys.stderr)
    warnings.warn(CANARY, stacklevel=1)
    logging.getLogger(CANARY).error(CANARY)
    os.write(1, b"\xff\x00\x1b]0;" + raw + b"\x07\x1b[2J\r\n")
    os.write(2, f"<script>alert('{CANARY}')</script><img src=x onerror=alert(1)>&amp;".encode())
    os.write(1, base64.b64encode(pixels) + b"\n" + pixels)
    sys.__stdout__.write(CANARY.encode("utf-16").hex())
