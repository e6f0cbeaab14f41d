"""Trains the small network of the site and writes it with 8-bit weights

Usage: GPT1_DATA=… python nbs/network/make.py [FOLDER]
FOLDER (runs/network) keeps the run; run it again to resume. Beside this file it writes
`network.safetensors` (each matrix as int8 with a scale for each row, what is left as
float32), `tokenizer/`, and `network.json` with the sizes and the measured loss of both.
Twenty minutes on two cores.
"""

import json
import os
import sys
from dataclasses import asdict
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

import gpt1
from gpt1.common import write_text
from gpt1.scale.evaluation import encode_source, score

SIZES = dict(context=128, layers=4, heads=4, width=176, inner=704, dropout=0.0)
STEPS = 2_800
MEASURED = 200_000  # ids of held-out novels

here = Path(__file__).parent
folder = Path(sys.argv[1] if len(sys.argv) > 1 else "runs/network")


def quantised(weights):
    "Matrices as int8, with the scale of each row (N, 1) beside them; vectors as they are"
    packed = {}
    for name, tensor in weights.items():
        if tensor.ndim < 2:
            packed[name] = tensor
            continue
        scale = tensor.abs().amax(dim=1, keepdim=True).clamp(min=1e-12) / 127
        packed[name] = (tensor / scale).round().to(torch.int8)
        packed[f"{name}.scale"] = scale
    return packed


def unpacked(packed):
    "The weights again, (nearly) as before"
    names = [name for name in packed if not name.endswith(".scale")]
    scales = {name: packed.get(f"{name}.scale", 1) for name in names}
    return {name: packed[name].float() * scales[name] for name in names}


if __name__ == "__main__":
    if not os.environ.get("GPT1_DATA"):
        sys.exit("GPT1_DATA names no folder; give that of the published files")
    novels = Path(os.environ["GPT1_DATA"]) / "novels"
    options = dict(vocab_size=4096, boundary="blank", valid_fraction=0.001)
    gpt1.prepare_source(novels / "train.txt.xz", folder / "data", **options)
    data = gpt1.open_prepared(folder / "data")
    sizes = gpt1.preset("tiny", vocab_size=data.vocab_size, **SIZES)
    periods = dict(evaluate_every=200, checkpoint_every=200)
    settings = gpt1.recipe("tiny", steps=STEPS, learning_rate=1e-3, **periods)
    gpt1.train(folder / "run", data, sizes, settings)
    model, tokenizer = gpt1.load_model(folder / "run", "cpu")
    reading = dict(boundary="blank")
    ids, size, _ = encode_source(str(novels / "valid.txt.xz"), tokenizer, MEASURED, **reading)
    rows = score(model, ids, size, prepared=data)
    rows[0] = {"weights": "float32"} | rows[0]
    save_file(quantised(model.state_dict()), here / "network.safetensors")
    (here / "network.safetensors").chmod(0o644)
    model.load_state_dict(unpacked(load_file(here / "network.safetensors")))
    rows.insert(1, {"weights": "int8"} | score(model, ids, size)[0])
    tokenizer.save(here / "tokenizer")
    text = {"sizes": asdict(sizes), "steps": STEPS, "held-out": rows}
    write_text(here / "network.json", json.dumps(text, indent=1) + "\n")
    print(json.dumps(rows, indent=1))
