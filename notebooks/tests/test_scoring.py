"""CLIP scores against the golden files of remedia's own CLIP."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from bundles import NOTEBOOKS
from PIL import Image

from remedia_worker.documents import ClipPrompts
from remedia_worker.scoring import Scorer

GOLDEN = NOTEBOOKS.parent / "fixtures" / "clip" / "tiny" / "openai"


@pytest.mark.parametrize("index", [0, 1, 2])
def test_scores_are_those_of_remedia(index: int) -> None:
    expected = json.loads((GOLDEN / "expected.json").read_text())
    texts = [one for one in expected["texts"] if one["text"]][:4]
    picture = expected["pictures"][index]

    def unit(values: list[float]) -> np.ndarray:
        return np.array(values) / np.linalg.norm(values)

    cosines = [float(unit(one["embedding"]) @ unit(picture["embedding"])) for one in texts]
    scorer = Scorer(GOLDEN, "golden", torch.device("cpu"))
    prompts = ClipPrompts(texts[0]["text"], tuple(one["text"] for one in texts[1:]), None)
    score = scorer.score(Image.open(GOLDEN / picture["file"]).convert("RGB"), prompts)
    assert score["cosine"] == pytest.approx(cosines[0], abs=2e-5)
    logits = expected["logit_scale"] * np.array(cosines[1:])
    assert score["contrast"] == pytest.approx(float(np.exp(logits[0]) / np.exp(logits).sum()), abs=1e-3)
