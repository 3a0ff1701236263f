"""The sandbox's system-call filter as Docker reads it, in force from the container's first instruction."""

import errno
import json

from submissions_sandbox.system_calls import ALLOWED, Alternatives, Device, restricted


def docker_profile(device: Device) -> str:
    """Return the JSON of a seccomp profile that says the same as `submissions_sandbox.seccomp`.

    An engine skips the names that it does not know, and the calls of every other architecture kill. Of calls
    later than all of these runc says that they do not exist (since 1.0.0-rc93).
    """
    rules = restricted(device)
    free = [name for name in ALLOWED if name not in rules]
    calls: list[dict[str, object]] = [{"names": free, "action": "SCMP_ACT_ALLOW"}]
    for name, alternatives in rules.items():
        calls += _allow_with(name, alternatives)
    calls.append({"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": errno.ENOSYS})
    architectures = [{"architecture": name} for name in ("SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64")]
    return json.dumps({"defaultAction": "SCMP_ACT_ERRNO", "archMap": architectures, "syscalls": calls})


def _allow_with(name: str, alternatives: Alternatives) -> list[dict[str, object]]:
    return [
        {
            "names": [name],
            "action": "SCMP_ACT_ALLOW",
            "args": [
                {
                    "index": condition.argument,
                    "op": "SCMP_CMP_MASKED_EQ",
                    "value": condition.mask,
                    "valueTwo": condition.value,
                }
                for condition in conditions
            ],
        }
        for conditions in alternatives
    ]
