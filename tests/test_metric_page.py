"""The commands that make the tables and plots of docs/metric.md, on a small scale."""

import importlib.util
import re
from pathlib import Path

import pytest

from scoring.simulation import Population
from tests.support.artifacts import simulated_artifact

DOCS = Path(__file__).parent.parent / "docs"


def load(name):
    spec = importlib.util.spec_from_file_location(name, DOCS / "metric" / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_plots_are_drawn_from_a_folder_of_artifacts(tmp_path):
    for seed, name in enumerate(("retrain", "coin_flip")):
        artifact = simulated_artifact(Population(n_examples=10), 8, seed=seed)
        (tmp_path / f"{name}.safetensors").write_bytes(artifact.to_bytes())
    load("make_plots").main(tmp_path, tmp_path)
    drawn = {path.name for path in tmp_path.glob("*.png")}
    assert drawn == {
        "metric_confidences.png",
        "metric_epsilons.png",
        "metric_quality_by_n_models.png",
    }


def test_every_image_and_file_that_the_page_names_is_there():
    page = (DOCS / "metric.md").read_text(encoding="utf-8")
    assert "_TABLE" not in page
    links = re.findall(r"\]\(([^)#]+)\)", page)
    assert len(links) > 4
    for link in links:
        assert (DOCS / link).exists(), link


@pytest.mark.parametrize("population", ["as references", "poor"])
def test_the_coverage_table_has_a_row_for_a_scenario(population):
    study = load("interval_coverage")
    scenario = study.Scenario(population, study._POPULATIONS[population], 4, n_repetitions=2, n_resamples=3)
    row = study._row(scenario)
    assert row.startswith(f"| {population} | 4 | 0.")
    assert row.count("%") == len(study._COLUMNS)
