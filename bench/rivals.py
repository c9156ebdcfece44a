"""Environments of the rivals: made once below the bench's folder, with the versions that work together.

Newest of everything, neither can be imported: NannyML does not ask for the statsmodels that it needs,
and Evidently uses what pandas 3 no longer has.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

REQUIREMENTS: Mapping[str, Sequence[str]] = {
    "nannyml": ("nannyml==0.13.1", "pandas==2.3.3", "scikit-learn==1.9.1", "statsmodels==0.15.0", "pyarrow"),
    "evidently": ("evidently==0.7.23", "pandas==2.3.3", "scikit-learn==1.9.1", "pyarrow"),
}


def environment(home: Path, rival: str) -> tuple[Path, str]:
    """The rival's Python, and what is installed there; CalledProcessError if it cannot be made."""
    folder = home / "rivals" / rival
    python = folder / "bin" / "python"
    stamp = folder / "installed"
    wanted = "\n".join(REQUIREMENTS[rival])
    if not stamp.exists() or stamp.read_text(encoding="utf-8") != wanted:
        stamp.unlink(missing_ok=True)
        uv("venv", "--quiet", "--clear", "--python", sys.executable, str(folder))
        uv("pip", "install", "--quiet", "--python", str(python), *REQUIREMENTS[rival])
        stamp.write_text(wanted, encoding="utf-8")
    named = [name.split("==")[0] for name in REQUIREMENTS[rival]]
    probe = (
        f"from importlib.metadata import version; print(*(n + ' ' + version(n) for n in {named}), sep=', ')"
    )
    return python, output(str(python), "-c", probe)


def uv(*arguments: str) -> None:
    """Run the uv that the project's environment has."""
    output(sys.executable, "-m", "uv", *arguments)


def output(*command: str) -> str:
    """What a command prints."""
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return done.stdout.strip()
