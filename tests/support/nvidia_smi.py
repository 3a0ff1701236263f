"""Answers the two questions that Lethe asks as NVIDIA's `nvidia-smi` does; a fixture puts it there.

`python nvidia_smi.py FOLDER ARGUMENT…`: FOLDER holds `gpus.json`, the memory that living processes hold as
`held/UUID,PID` (MiB), and `failure`, if the program is to fail, with the status in its first line.
"""

import json
import sys
from pathlib import Path

folder, arguments = Path(sys.argv[1]), sys.argv[2:]
gpus = json.loads((folder / "gpus.json").read_text())


def lives(pid):
    # A process that has ended and that its parent has not waited for yet holds nothing.
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


held = []
for file in sorted((folder / "held").iterdir()):
    uuid, pid = file.name.split(",")
    if lives(pid):
        held.append((uuid, pid, int(file.read_text())))

if (folder / "failure").exists():
    status, _, words = (folder / "failure").read_text().partition("\n")
    print(words)
    sys.exit(int(status))
if arguments[1:] != ["--format=csv,noheader,nounits"]:
    sys.exit(f"not an option that the real one is known to take: {arguments}")
question, _, names = arguments[0].partition("=")
if question == "--query-gpu":
    rows = [dict(gpu) for gpu in gpus]
    for row in rows:
        if isinstance(row["memory.used"], int):
            row["memory.used"] += sum(mib for uuid, _, mib in held if uuid == row["uuid"])
elif question == "--query-compute-apps":
    rows = [
        {"gpu_uuid": uuid, "pid": pid, "used_memory": mib, "process_name": "python3"}
        for uuid, pid, mib in held
    ]
else:
    sys.exit(f"not a question that the real one is known to answer: {arguments}")
for row in rows:
    print(", ".join(str(row[name]) for name in names.split(",")))
