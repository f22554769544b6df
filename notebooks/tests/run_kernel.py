"""Plays Kaggle's machine: executes the pushed notebook on the mounted data, as the fake Kaggle asks it to."""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path

import nbclient
import nbformat


def main() -> None:
    notebook = nbformat.read(os.environ["KAGGLE_NOTEBOOK"], as_version=4)
    with tempfile.TemporaryDirectory() as work:
        os.environ["REMEDIA_INPUT"] = os.environ["KAGGLE_INPUT"]
        os.environ["REMEDIA_OUTPUT"] = os.environ["KAGGLE_WORKING"]
        os.environ["REMEDIA_WORK"] = str(Path(work) / "work")
        client = nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": work}})
        try:
            client.execute()
        finally:
            for cell in notebook.cells:
                for output in cell.get("outputs", []):
                    sys.stdout.write(output.get("text", ""))


if __name__ == "__main__":
    main()
