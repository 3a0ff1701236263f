"""Draws faces.png: 48 people of the demo's test set, youngest first. Run it from the top folder."""

import numpy as np

from faces.pictures import contact_sheet
from faces.synthetic import SyntheticFaces, render

test = render(SyntheticFaces()).test
youngest_first = np.argsort(test.age, kind="stable")[:: len(test) // 48][:48]
contact_sheet(test.images[youngest_first], 16).save("docs/images/faces.png")
