"""A package beside the file, with relative imports and data of its own."""

import json
from pathlib import Path

from method import Unlearner
from method.losses import entropy

CONFIG = json.loads((Path(__file__).parent / "data" / "config.json").read_text())
with open("data/config.json") as file:  # the working directory is the folder of the submission
    assert json.load(file) == CONFIG

unlearning = Unlearner(loss=entropy, **CONFIG)
