"""Which models `measure.py` makes, and that it never takes tiny ones for full-size ones."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest

import measure


class Made:
    """What was made, in place of models."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.calls: list[str] = []
        self.fails = ""
        monkeypatch.setattr(measure.tiny_models, "make", self.tiny)
        monkeypatch.setattr(measure, "in_a_process", self.full)

    def tiny(self, folder: Path) -> None:
        folder.mkdir(parents=True)
        (folder / "model_sets.json").touch()
        self.calls.append(folder.name)

    def full(self, work: Any, folder: Path, family: str) -> None:
        assert work is measure.full_models
        if family == self.fails:
            raise SystemExit("it was interrupted")
        self.calls.append(f"{folder.name}/{family}")


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Made:
    return Made(monkeypatch)


def test_every_family_is_made_once_whenever_it_is_asked_for(tmp_path: Path, made: Made) -> None:
    for only in (["sd15"], ["sd15", "sdxl"], ["svd14", "svd25"], ["svd25"]):
        assert measure.models_folder(tmp_path, only, tiny=False) == tmp_path / "full"
    assert made.calls == ["full", "full/sd15", "full/sdxl", "full/svd"]


def test_tiny_models_lie_elsewhere(tmp_path: Path, made: Made) -> None:
    assert measure.models_folder(tmp_path, ["sd15"], tiny=True) == tmp_path / "tiny"
    assert measure.models_folder(tmp_path, ["sd15"], tiny=False) == tmp_path / "full"
    assert made.calls == ["tiny", "full", "full/sd15"]


def test_what_was_interrupted_is_made_anew(tmp_path: Path, made: Made) -> None:
    made.fails = "sdxl"
    with pytest.raises(SystemExit):
        measure.models_folder(tmp_path, ["sd15", "sdxl"], tiny=False)
    made.fails = ""
    measure.models_folder(tmp_path, ["sd15", "sdxl"], tiny=False)
    assert made.calls == ["full", "full/sd15", "full/sdxl"]


def note_process(folder: Path) -> None:
    (folder / "process").write_text(str(os.getpid()))


def test_models_are_made_in_a_process_of_their_own(tmp_path: Path) -> None:
    measure.in_a_process(note_process, tmp_path)
    assert (tmp_path / "process").read_text() != str(os.getpid())
    with pytest.raises(SystemExit, match="note_process ended with 1"):
        measure.in_a_process(note_process, tmp_path / "nowhere")
