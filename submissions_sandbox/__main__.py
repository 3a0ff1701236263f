"""The sandbox's entry point: `python -m submissions_sandbox`, as PID 1."""

import os

from submissions_sandbox.confinement import confine

if os.getpid() != 1:  # the zygote kills every process it can see
    raise SystemExit("the zygote runs only as PID 1 of a sandbox")
confine()  # before torch is imported and before anything is read

from submissions_sandbox import zygote  # noqa: E402

zygote.serve()
