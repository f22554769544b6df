"""How well a picture shows what was asked for: CLIPScore (Hessel et al., 2021), and the contrast with other rooms and
styles at the model's own logit scale. Pictures are prepared as CLIP's authors did, with Pillow's bicubic filter.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from .documents import ClipPrompts
from .pictures import normalisation
from .weights import variant_of

_MEAN = [0.48145466, 0.4578275, 0.40821073]
_DEVIATION = [0.26862954, 0.26130258, 0.27577711]


class Scorer:
    """A CLIP model. It works in 32 bits everywhere: scores of different GPUs are compared."""

    def __init__(self, folder: Path, name: str, device: torch.device) -> None:
        from transformers import CLIPModel, CLIPTokenizer

        self._name = name
        self._device = device
        model: Any = CLIPModel.from_pretrained(folder, dtype=torch.float32, variant=variant_of(folder))
        self._model = model.to(device).eval()
        self._tokenizer: Any = CLIPTokenizer.from_pretrained(folder)
        self._side = int(self._model.config.vision_config.image_size)
        self._mean, self._deviation = normalisation(folder, _MEAN, _DEVIATION)
        self._scale = float(self._model.logit_scale.detach().exp())

    @torch.inference_mode()
    def score(self, picture: Image.Image, prompts: ClipPrompts) -> dict[str, Any]:
        """The record for the results."""
        texts = [prompts.prompt, *prompts.contrast]
        length = int(self._model.config.text_config.max_position_embeddings)
        tokens = self._tokenizer(texts, padding=True, truncation=True, max_length=length, return_tensors="pt")
        output = self._model(
            input_ids=tokens["input_ids"].to(self._device),
            attention_mask=tokens["attention_mask"].to(self._device),
            pixel_values=self._pixels(picture),
        )
        image = torch.nn.functional.normalize(output.image_embeds.double(), dim=-1)
        words = torch.nn.functional.normalize(output.text_embeds.double(), dim=-1)
        cosines = (words @ image[0]).cpu()
        cosine = float(cosines[0])
        record = {"model": self._name, "cosine": round(cosine, 6), "clip_score": round(2.5 * max(cosine, 0.0), 6)}
        if prompts.contrast:
            record["contrast"] = round(float(torch.softmax(self._scale * cosines[1:], dim=0)[0]), 6)
        return record

    def _pixels(self, picture: Image.Image) -> torch.Tensor:
        side = self._side
        shorter = min(picture.size)
        width, height = (length * side // shorter for length in picture.size)
        small = picture.resize((width, height), Image.Resampling.BICUBIC)
        left, top = (width - side) // 2, (height - side) // 2
        square = np.asarray(small.crop((left, top, left + side, top + side)), dtype=np.float32) / 255.0
        values = (square - np.array(self._mean, dtype=np.float32)) / np.array(self._deviation, dtype=np.float32)
        return torch.from_numpy(values).permute(2, 0, 1)[None].to(self._device)
