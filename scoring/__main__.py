"""Print the report of a stored artifact: seconds for 16 models, minutes for 512 (most of it resampling)."""

import argparse
import sys
from pathlib import Path

from scoring.artifact import Artifact
from scoring.report import make_report
from scoring.report_text import report_text
from scoring.versions import VERSIONS


def main() -> None:
    """Read the arguments, print the report, or one line that says why there is none."""
    parser = argparse.ArgumentParser(prog="python -m scoring", description=__doc__)
    parser.add_argument("artifact", type=Path, help="a file that `lethe artifact` wrote")
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.add_argument("--version", choices=VERSIONS, help="the metric's; by default the artifact's own")
    parser.add_argument("--seed", type=int, default=0, help="draws resamples and splits; reports name theirs")
    asked = parser.parse_args()
    try:
        artifact = Artifact.from_bytes(asked.artifact.read_bytes())
        version = asked.version or artifact.provenance.scoring_version
        report = make_report(artifact, version=version, seed=asked.seed)
        printed = report.to_json() if asked.json else report_text(report)
    except OSError as error:
        sys.exit(f"scoring: {asked.artifact}: {error.strerror}")
    except ValueError as error:
        sys.exit(f"scoring: {asked.artifact}: {error}")
    print(printed)  # noqa: T201


if __name__ == "__main__":
    main()
