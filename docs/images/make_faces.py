"""Draws faces.png: 48 people of the demo's test set, youngest first. Run it from the top folder."""

from dataclasses import fields

import numpy as np

from faces.bundle import Split
from faces.synthetic import SyntheticFaces, contact_sheet, render

test = render(SyntheticFaces()).test
youngest_first = np.argsort(test.age, kind="stable")[:: len(test) // 48][:48]
shown = Split(**{field.name: getattr(test, field.name)[youngest_first] for field in fields(Split)})
contact_sheet(shown, 16).save("docs/images/faces.png")
