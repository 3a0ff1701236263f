"""Takes half as much memory again as it may have, in one process."""

import torch

LIMIT = 640 * 2**20  # the phase's


def unlearning(net, retain, forget, val):
    hoard = [torch.ones(2**24) for _ in range(3 * LIMIT // 2 // 2**26)]  # every page of it written
    raise RuntimeError(f"BREACH: {len(hoard)} times 64 MiB")
