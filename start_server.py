"""``python start_server.py``: how users of the PROXY_BACKEND proxy start it. docs/migrate.md says more."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
PYTHON = HERE / ".venv" / "bin" / "python"

try:
    from trunkline.cli.proxies import start_server
except ImportError:
    if PYTHON.exists() and Path(sys.prefix).resolve() != PYTHON.parent.parent.resolve():
        os.execv(PYTHON, [str(PYTHON), *sys.argv])  # noqa: S606 - the same script, with the right Python
    sys.exit("Trunkline is not installed for this Python: run make run once, or pip install . here.")

if __name__ == "__main__":
    sys.exit(start_server(sys.argv[1:]))
