"""What `import scoring` loads: NumPy, and nothing that takes long or that a server should not hold."""

import json
import subprocess
import sys


def test_importing_scoring_loads_no_torch_and_no_compiler():
    program = "import json, sys, scoring; print(json.dumps(sorted(sys.modules)))"
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    loaded = set(json.loads(ended.stdout))
    assert "numpy" in loaded
    assert not loaded & {"torch", "numba", "scipy", "safetensors", "scoring.kernel"}
