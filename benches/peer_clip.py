"""CLIP's image tower in transformers on PyTorch: the yardstick of benches/clip.rs, which starts it.

    python3 benches/peer_clip.py FOLDER THREADS

Reads the model and `pictures.raw` (eight squares of 224 pixels) from FOLDER, prints their embeddings, and then for
every line that it is sent embeds them once more and prints the processor seconds and the seconds that it took.
"""

import json
import os
import sys
import time

os.environ.setdefault("HF_HUB_OFFLINE", "1")

import numpy as np
import torch
from transformers import CLIPVisionModelWithProjection
from transformers.utils import logging

MEAN = [0.48145466, 0.4578275, 0.40821073]
DEVIATION = [0.26862954, 0.26130258, 0.27577711]


def main():
    folder, threads = sys.argv[1], int(sys.argv[2])
    torch.set_num_threads(threads)
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    model = CLIPVisionModelWithProjection.from_pretrained(folder, dtype=torch.float32).eval()
    raw = np.fromfile(f"{folder}/pictures.raw", np.uint8).reshape(-1, 224, 224, 3)
    pixels = torch.from_numpy(raw).permute(0, 3, 1, 2).float() / 255
    pixels = (pixels - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)
    pixels = pixels.contiguous()

    def embed():
        with torch.inference_mode():
            embeddings = model(pixel_values=pixels).image_embeds
            return embeddings / embeddings.norm(dim=-1, keepdim=True)

    print(json.dumps(embed().tolist()), flush=True)
    for _ in sys.stdin:
        processor, wall = time.process_time(), time.perf_counter()
        embed()
        print(json.dumps([time.process_time() - processor, time.perf_counter() - wall]), flush=True)


if __name__ == "__main__":
    main()
