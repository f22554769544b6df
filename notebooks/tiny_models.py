"""Makes tiny models with random weights in the layout of the real ones, without a download: for tests and dry runs.

    python tiny_models.py FOLDER

Writes one folder for each role, `<owner>--<name>` with a `remedia-model.json`, and `model_sets.json` that names them.
Two of them have sense: the segmentation model is taught in a few seconds that what is below is floor, and the VAE of
the first set gives back what it gets, so that a photo stays the photo outside of its mask. Everything else gives noise,
which is enough to run every line.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import torch
from diffusers import (
    AutoencoderKL,
    AutoencoderKLTemporalDecoder,
    ControlNetModel,
    ControlNetUnionModel,
    DDIMScheduler,
    EulerDiscreteScheduler,
    StableDiffusionInpaintPipeline,
    StableDiffusionXLInpaintPipeline,
    StableVideoDiffusionPipeline,
    UNet2DConditionModel,
    UNetSpatioTemporalConditionModel,
)
from transformers import (
    CLIPConfig,
    CLIPImageProcessor,
    CLIPModel,
    CLIPTextConfig,
    CLIPTextModel,
    CLIPTextModelWithProjection,
    CLIPTokenizer,
    CLIPVisionConfig,
    CLIPVisionModelWithProjection,
    ConvNextConfig,
    DepthAnythingConfig,
    DepthAnythingForDepthEstimation,
    Dinov2Config,
    UperNetConfig,
    UperNetForSemanticSegmentation,
)

REVISION = "0" * 40
OWNER = "tiny"
_CHANNELS = (16, 32)
_NAMES = ["wall", "floor", "ceiling", "windowpane", "door", "cabinet", "sofa", "light"]


def tokenizer() -> CLIPTokenizer:
    """CLIP's tokenizer with letters alone."""
    printable = [*range(33, 127), *range(161, 173), *range(174, 256)]
    letters = [chr(byte) for byte in printable] + [chr(256 + index) for index in range(256 - len(printable))]
    words = [*letters, *(letter + "</w>" for letter in letters), "<|startoftext|>", "<|endoftext|>"]
    return CLIPTokenizer(vocab={word: index for index, word in enumerate(words)}, merges=[], model_max_length=77)


def text_config(size: int = 32, projection: int = 32, activation: str = "quick_gelu") -> CLIPTextConfig:
    """A text tower of two layers."""
    return CLIPTextConfig(
        hidden_size=size,
        intermediate_size=37,
        num_hidden_layers=2,
        num_attention_heads=4,
        projection_dim=projection,
        vocab_size=514,
        bos_token_id=512,
        eos_token_id=513,
        pad_token_id=513,
        hidden_act=activation,
    )


def vae() -> AutoencoderKL:
    """A VAE of random weights that makes sides 8 times smaller, as the real ones do."""
    return AutoencoderKL(
        block_out_channels=(8, 8, 16, 16),
        down_block_types=("DownEncoderBlock2D",) * 4,
        up_block_types=("UpDecoderBlock2D",) * 4,
        latent_channels=4,
        norm_num_groups=4,
        layers_per_block=1,
        sample_size=64,
    )


def faithful_vae() -> AutoencoderKL:
    """A VAE that keeps the size and gives back what it gets, so that what is not drawn stays the photo.

    Its blocks add nothing to what passes through them. The last norm is kept from changing anything by two channels of
    a large constant, beside which the picture does not count, and the last activation is used where it is a line.
    """
    model = AutoencoderKL(
        block_out_channels=(8,), latent_channels=4, norm_num_groups=1, layers_per_block=1, scaling_factor=1.0
    )
    constant, offset = 100.0, 10.0
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if ".conv2." in name or ".to_out." in name or name.startswith(("quant_conv", "post_quant_conv")):
                parameter.zero_()
        for part in (model.encoder, model.decoder):
            for layer in (part.conv_in, part.conv_out):
                layer.weight.zero_()
                layer.bias.zero_()
            part.conv_in.bias[6], part.conv_in.bias[7] = constant, -constant
            # Two of eight channels are the constant: the deviation is half of it.
            part.conv_norm_out.weight.fill_(constant / 2)
            part.conv_norm_out.bias.fill_(offset)
            for colour in range(3):
                part.conv_in.weight[colour, colour, 1, 1] = 1.0
                part.conv_in.weight[colour + 3, colour, 1, 1] = -1.0
                part.conv_out.weight[colour, colour, 1, 1] = 1.0
                part.conv_out.bias[colour] = -offset
        for channel in range(4):
            model.quant_conv.weight[channel, channel] = 1.0
            model.post_quant_conv.weight[channel, channel] = 1.0
        # Hardly any noise in what is drawn from its distribution.
        model.quant_conv.bias[4:] = -20.0
    return model.eval()


def shaken(model: Any) -> Any:
    """Gives layers that begin as zero something to say."""
    with torch.no_grad():
        for name, parameter in model.named_parameters():
            if "controlnet" in name and not parameter.any():
                parameter.normal_(std=0.02)
    return model.eval()


def _xl() -> dict[str, Any]:
    return {
        "use_linear_projection": True,
        "addition_embed_type": "text_time",
        "addition_time_embed_dim": 8,
        "transformer_layers_per_block": (1, 2),
        "projection_class_embeddings_input_dim": 80,
        "cross_attention_dim": 64,
    }


def _blocks(family: str) -> dict[str, Any]:
    more = _xl() if family == "sdxl" else {"cross_attention_dim": 32}
    return {
        "block_out_channels": _CHANNELS,
        "layers_per_block": 1,
        "down_block_types": ("DownBlock2D", "CrossAttnDownBlock2D"),
        "attention_head_dim": 4 if family == "sdxl" else 8,
        "norm_num_groups": 8,
        **more,
    }


def save_base(folder: Path, family: str, channels: int, *, faithful: bool = False) -> None:
    """The pipeline of SD 1.5 or of SDXL, with 9 (inpainting) or 4 latent channels."""
    unet = UNet2DConditionModel(
        **_blocks(family),
        in_channels=channels,
        out_channels=4,
        sample_size=16,
        up_block_types=("CrossAttnUpBlock2D", "UpBlock2D"),
    )
    scheduler = DDIMScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        clip_sample=False,
        set_alpha_to_one=False,
        steps_offset=1,
    )
    parts = {
        "unet": unet,
        "vae": faithful_vae() if faithful else vae(),
        "scheduler": scheduler,
        "tokenizer": tokenizer(),
    }
    if family == "sdxl":
        pipeline: Any = StableDiffusionXLInpaintPipeline(
            **parts,
            text_encoder=CLIPTextModel(text_config(activation="gelu")),
            text_encoder_2=CLIPTextModelWithProjection(text_config(activation="gelu")),
            tokenizer_2=tokenizer(),
        )
    else:
        pipeline = StableDiffusionInpaintPipeline(
            **parts,
            text_encoder=CLIPTextModel(text_config()),
            safety_checker=None,
            feature_extractor=None,
            requires_safety_checker=False,
        )
    pipeline.save_pretrained(folder)


def save_controlnet(folder: Path, family: str, *, union: bool = False, faithful: bool = False) -> None:
    """A ControlNet, or a union of all kinds; for a base whose VAE keeps the size where `faithful`."""
    embedding = (8,) if faithful else (8, 8, 16, 16)
    more: dict[str, Any] = {"in_channels": 4, "conditioning_embedding_out_channels": embedding}
    kind: Any = ControlNetModel
    if union:
        kind = ControlNetUnionModel
        more.update(num_control_type=8, num_trans_channel=16, num_proj_channel=16, num_trans_head=2)
    shaken(kind(**_blocks(family), **more)).save_pretrained(folder)


def save_video(folder: Path) -> None:
    """Stable Video Diffusion."""
    unet = UNetSpatioTemporalConditionModel(
        block_out_channels=(32, 64),
        layers_per_block=1,
        sample_size=16,
        in_channels=8,
        out_channels=4,
        down_block_types=("CrossAttnDownBlockSpatioTemporal", "DownBlockSpatioTemporal"),
        up_block_types=("UpBlockSpatioTemporal", "CrossAttnUpBlockSpatioTemporal"),
        cross_attention_dim=32,
        num_attention_heads=4,
        projection_class_embeddings_input_dim=24,
        addition_time_embed_dim=8,
    )
    decoder = AutoencoderKLTemporalDecoder(
        block_out_channels=(32, 32),
        down_block_types=("DownEncoderBlock2D", "DownEncoderBlock2D"),
        latent_channels=4,
        layers_per_block=1,
    )
    encoder = CLIPVisionModelWithProjection(
        CLIPVisionConfig(
            hidden_size=32,
            projection_dim=32,
            num_hidden_layers=2,
            num_attention_heads=4,
            image_size=224,
            intermediate_size=37,
            patch_size=32,
        )
    )
    scheduler = EulerDiscreteScheduler(
        beta_start=0.00085,
        beta_end=0.012,
        beta_schedule="scaled_linear",
        prediction_type="v_prediction",
        interpolation_type="linear",
        timestep_spacing="leading",
        timestep_type="continuous",
        sigma_min=0.002,
        sigma_max=700.0,
        use_karras_sigmas=True,
    )
    StableVideoDiffusionPipeline(
        unet=unet,
        vae=decoder,
        image_encoder=encoder,
        scheduler=scheduler,
        feature_extractor=CLIPImageProcessor(),
    ).save_pretrained(folder)


def save_clip(folder: Path) -> None:
    """CLIP."""
    vision = {
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "image_size": 32,
        "patch_size": 8,
    }
    config = CLIPConfig(projection_dim=16, text_config=text_config(projection=16).to_dict(), vision_config=vision)
    CLIPModel(config).eval().save_pretrained(folder)
    tokenizer().save_pretrained(folder)


def save_depth(folder: Path) -> None:
    """Depth Anything."""
    backbone = Dinov2Config(
        hidden_size=16,
        num_hidden_layers=4,
        num_attention_heads=2,
        image_size=56,
        patch_size=14,
        out_features=["stage1", "stage2", "stage3", "stage4"],
        apply_layernorm=True,
        reshape_hidden_states=False,
    )
    config = DepthAnythingConfig(
        backbone_config=backbone,
        patch_size=14,
        reassemble_hidden_size=16,
        neck_hidden_sizes=[8, 8, 8, 8],
        fusion_hidden_size=8,
        head_hidden_size=4,
    )
    DepthAnythingForDepthEstimation(config).eval().save_pretrained(folder)


def save_segmentation(folder: Path) -> None:
    """UperNet, taught that the lower part is floor, the middle wall and the upper part ceiling."""
    backbone = ConvNextConfig(
        num_channels=3,
        hidden_sizes=[8, 8, 16, 16],
        depths=[1, 1, 1, 1],
        out_features=["stage1", "stage2", "stage3", "stage4"],
    )
    names = dict(enumerate(_NAMES))
    config = UperNetConfig(
        backbone_config=backbone, hidden_size=16, auxiliary_in_channels=16, auxiliary_channels=8, id2label=names
    )
    model = UperNetForSemanticSegmentation(config).train()
    optimiser = torch.optim.Adam(model.parameters(), lr=5e-3)
    for step in range(120):
        height, width = ((64, 96), (96, 96), (160, 224), (128, 192))[step % 4]
        photos = torch.randn(2, 3, height, width) * torch.rand(2, 1, 1, 1) + torch.randn(2, 3, 1, 1)
        rows = torch.arange(height)[None, :, None].expand(2, height, width)
        target = torch.where(rows < 0.2 * height, 2, torch.where(rows < 0.65 * height, 0, 1))
        optimiser.zero_grad()
        loss: Any = model(pixel_values=photos, labels=target).loss
        loss.backward()
        optimiser.step()
    model.eval().save_pretrained(folder)


def make(folder: Path) -> Path:
    """Makes everything; gives the path of `model_sets.json`."""
    torch.manual_seed(7)
    savers: dict[str, Any] = {
        "sd15-inpaint": lambda path: save_base(path, "sd15", 9),
        "sd15": lambda path: save_base(path, "sd15", 4, faithful=True),
        "sdxl-inpaint": lambda path: save_base(path, "sdxl", 9),
        "sdxl": lambda path: save_base(path, "sdxl", 4),
        "sd15-depth": lambda path: save_controlnet(path, "sd15", faithful=True),
        "sd15-lines": lambda path: save_controlnet(path, "sd15", faithful=True),
        "sd15-segmentation": lambda path: save_controlnet(path, "sd15", faithful=True),
        "sd15-inpaint-depth": lambda path: save_controlnet(path, "sd15"),
        "sdxl-depth": lambda path: save_controlnet(path, "sdxl", union=False),
        "sdxl-union": lambda path: save_controlnet(path, "sdxl", union=True),
        "svd": save_video,
        "clip": save_clip,
        "depth": save_depth,
        "segmentation": save_segmentation,
    }
    for name, save in savers.items():
        path = folder / f"{OWNER}--{name}"
        save(path)
        note = {"repository": f"{OWNER}/{name}", "revision": REVISION}
        (path / "remedia-model.json").write_text(json.dumps(note) + "\n", encoding="utf-8")
    shared = {"depth": "depth", "segmentation": "segmentation", "clip": "clip", "video": "svd"}
    kinds = ("depth", "lines", "segmentation")
    sets = [
        ("tiny-sd15", {"base": "sd15", **{f"controlnet:{one}": f"sd15-{one}" for one in kinds}}),
        ("tiny-sd15-inpaint", {"base": "sd15-inpaint", "img2img": "sd15", "controlnet:depth": "sd15-inpaint-depth"}),
        ("tiny-sdxl-union", {"base": "sdxl", **{f"controlnet:{one}": "sdxl-union" for one in kinds}}),
        ("tiny-sdxl-inpaint", {"base": "sdxl-inpaint", "controlnet:depth": "sdxl-depth"}),
    ]
    document = {
        "sets": [
            {
                "name": name,
                "precision": "fp32",
                "min_memory_gb": 0,
                "parts": [
                    {"role": role, "repository": f"{OWNER}/{one}", "revision": REVISION, "licence": "CC0-1.0"}
                    for role, one in {**parts, **shared}.items()
                ],
            }
            for name, parts in sets
        ],
        "families": {
            "sd15": {"area": 96 * 64},
            "sdxl": {"area": 96 * 64},
            "video": {"width": 128, "height": 64, "num_inference_steps": 2, "decode_chunk_size": 2},
        },
    }
    path = folder / "model_sets.json"
    path.write_text(json.dumps(document, indent=2) + "\n", encoding="utf-8")
    return path


if __name__ == "__main__":
    print(make(Path(sys.argv[1])))
