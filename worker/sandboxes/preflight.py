"""The self-test that a sandbox must pass before it gets work: a probe, run in it as a submission."""

from pathlib import Path
from typing import TYPE_CHECKING

import worker
from core.errors import PlatformError, SandboxUnavailableError
from core.lifecycle import Verdict
from core.programs import ENTRY_FILE, Program
from worker.sandboxes.base import Limits, Sandbox

if TYPE_CHECKING:
    from worker.runner import SubmissionInput

_LIMITS = Limits(run_s=60.0)
_SOURCE = """\
from submissions_sandbox import probe

def unlearning(net, retain, forget, val):
    probe.check(worker_digest={digest!r}, hidden={hidden!r})
"""


def prove(sandbox: Sandbox) -> None:
    """Run the probe in a real sandbox.

    Raises:
        SandboxUnavailableError: the sandbox does not start, or does not hold; the message says why.
    """
    from worker.runner import SubmissionRunner  # it needs this package

    channel = sandbox.open(_LIMITS)
    try:
        runner = SubmissionRunner(channel, _probe_input(), _LIMITS)
        runner.start()
        outcome = runner.run(seed=0)
    except SandboxUnavailableError:
        raise
    except PlatformError as error:
        raise SandboxUnavailableError(f"the {sandbox.name} sandbox does not work: {error}") from None
    finally:
        channel.close()
    if outcome.verdict is not Verdict.OK:
        why = outcome.message.splitlines()[-1]
        raise SandboxUnavailableError(f"the {sandbox.name} sandbox does not hold: {why}")


def _probe_input() -> "SubmissionInput":
    import torch
    from safetensors.torch import save

    from submissions_sandbox import architectures, probe
    from submissions_sandbox.loaders import Loaders
    from worker.runner import SubmissionInput

    architecture = architectures.Architecture(width=1)
    data = {}
    for split in Loaders._fields:
        data[f"{split}/images"] = torch.zeros(1, 3, 32, 32, dtype=torch.uint8)
        for label in ("age", "age_group", "person_id", "image_id"):
            data[f"{split}/{label}"] = torch.zeros(1, dtype=torch.int64)
    source = _SOURCE.format(digest=probe.digest(), hidden=_hidden_paths())
    return SubmissionInput(
        architecture=architecture,
        original=save(architectures.build(architecture).state_dict()),
        participant_data=save(data),
        source=Program({ENTRY_FILE: source.encode()}).to_bytes(),
    )


def _hidden_paths() -> list[str]:
    lethe = Path(worker.__file__).parents[1]
    return sorted({str(lethe), str(Path.home()), "/root", "/home"} - {"/"})
