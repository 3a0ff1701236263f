"""Writes a canary into the frame of the weights: its metadata, names, types, padding and last bytes."""

import json
import struct
import sys

CANARY = "-".join(["canary", "of", "the", "frame"])


def unlearning(net, retain, forget, val):
    real_write = sys.modules["submissions_sandbox.weights"].write

    class Marked:
        def __init__(self, file):
            self.file = file
            self.is_header = True

        def write(self, data):
            if self.is_header:
                self.is_header = False
                header = json.loads(data[8:])
                header |= {CANARY: {"dtype": CANARY, "shape": [CANARY], "data_offsets": [0, 0]}}
                header["__metadata__"] = {CANARY: CANARY}
                text = json.dumps(header).encode()
                data = struct.pack("<Q", len(text)) + text
            self.file.write(data)

    def write(tensors, file):
        real_write(tensors, Marked(file))
        file.write(CANARY.encode())

    sys.modules["submissions_sandbox.weights"].write = write
    return net
