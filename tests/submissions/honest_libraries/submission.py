"""All libraries of a sandbox at work: scores of an attack choose how far the weights go back."""

import warnings

import numpy as np
import pandas as pd
import scipy.stats
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score
from tqdm import tqdm

try:
    import torchvision  # only where it fits this torch
except ImportError:
    torchvision = None

warnings.filterwarnings("ignore")
np.random.seed(0)
torch.manual_seed(0)


@torch.no_grad()
def losses_of(net, loader):
    parts = []
    for inputs, targets in tqdm(loader, disable=True):
        parts.append(torch.nn.functional.cross_entropy(net(inputs), targets, reduction="none").numpy())
    return np.concatenate(parts)


def unlearning(net, retain, forget, val):
    table = pd.concat(
        pd.DataFrame({"loss": losses_of(net, loader), "member": member})
        for loader, member in ((forget, 1), (val, 0))
    )
    scores = cross_val_score(LogisticRegression(), table[["loss"]], table["member"], cv=2, n_jobs=1)
    statistic = scipy.stats.ks_2samp(*(group["loss"] for _, group in table.groupby("member"))).statistic
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.add_(torch.randn_like(parameter) * 1e-3 * float(scores.mean() + statistic))
