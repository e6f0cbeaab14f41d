"""The two ablations of section 5 that no command makes: an LSTM, and fewer layers carried over

Usage: python nbs/results/ablations.py RUN FOLDER, after `reproduce.sh RUN FOLDER`: it takes
the prepared data and the network there, trains the LSTM on the same batches by the same
recipe, fine-tunes it, and fine-tunes the network with fewer of its blocks. Run it again to
resume: what is in FOLDER/results/ablations.json is not done again.
"""

import json
import os
import random
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from gpt1.analysis import LSTMLanguageModel, transfer
from gpt1.common import UserError, one_line_errors, seed_step, write_text
from gpt1.data import Batches, open_prepared
from gpt1.finetuning import TaskModel, finetune
from gpt1.optimizer import Adam, learning_rate, parameter_groups
from gpt1.scale.checkpoints import load_model
from gpt1.scale.runs import bfloat16_autocast
from gpt1.tasks import TASKS, examples, load_rows
from gpt1.training import evaluate_loss, update

device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
torch.set_float32_matmul_precision("high")
UNITS = {"gpt1": 2048, "mini": 683, "tiny": 683}  # as many for the width as in the paper
FOLDERS = {"sst2": "glue/SST-2", "cola": "glue/CoLA", "mrpc": "glue/MRPC", "stsb": "glue/STS-B"}
FOLDERS |= {"snli": "nli/SNLI", "qnli": "nli/QNLI", "race-middle": "race"}
LIMITS = {  # examples to learn from, as in reproduce.sh, but for RACE
    "card": dict(sst2=5000, snli=5000, qnli=5000, cola=10000, mrpc=10000, stsb=10000),
    "cores": dict(sst2=3000, snli=1500, qnli=800, cola=3500, mrpc=700, stsb=650),
    "tenth": dict(sst2=300),
}
CARRIED = ["sst2", "snli"]  # the tasks for the layers
if len(sys.argv) != 3 or sys.argv[1] not in LIMITS:
    sys.exit("usage: ablations.py RUN FOLDER, RUN one of card, cores, tenth")
run, folder = sys.argv[1], Path(sys.argv[2])
limits, seeds = LIMITS[run], range(1 if run == "tenth" else 2)
tuning = {} if run == "card" else {"learning_rate": 3e-4}
results = folder / "results" / "ablations.json"


def finished():
    "The rows that there are"
    return json.loads(results.read_text(encoding="utf8")) if results.exists() else []


def add(row):
    "Writes one row more"
    lines = [json.dumps(one, ensure_ascii=False) for one in [*finished(), row]]
    write_text(results, "[\n" + ",\n".join(lines) + "\n]\n")
    print(json.dumps(row, ensure_ascii=False), flush=True)


def pretrained_lstm(model):
    "The LSTM, trained as the network was: the same batches, steps and rates"
    asked = json.loads(next((folder / "pretrained" / "checkpoints").glob("*/checkpoint.json")).read_text())
    settings, path = asked["training"], folder / "lstm.safetensors"
    units = UNITS[json.loads((folder / "pretrained" / "run.json").read_text())["preset"]]
    sizes = type(model.config)(**asked["model"] | {"inner": units})
    torch.manual_seed(settings["seed"])
    lstm = LSTMLanguageModel(sizes).to(device)
    if path.exists():
        lstm.load_state_dict(load_file(path, device=str(device)))
        return lstm
    data = open_prepared(folder / "data")
    batches = Batches(data.train, settings["batch_size"], sizes.context, seed=settings["seed"])
    optimizer, start = Adam(parameter_groups(lstm, settings["weight_decay"])), time.perf_counter()
    recipe = settings["steps"], settings["learning_rate"], settings["warmup"]
    half = bfloat16_autocast(device) or nullcontext()
    micro = 16 if device.type == "cuda" else None
    for step in range(settings["steps"]):
        seed_step(settings["seed"], step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, *recipe)
        inputs, targets = (part.to(device) for part in batches(step))
        options = dict(grad_clip=settings["grad_clip"], autocast=half, micro_batch_size=micro)
        loss, _ = update(lstm.train(), optimizer, inputs, targets, **options)
        if (step + 1) % 100 == 0:
            seconds = (time.perf_counter() - start) / (step + 1)
            print(f"LSTM, step {step + 1}: loss {loss.item():.3f}, {seconds:.3f} s a step", flush=True)
    save_file(lstm.state_dict(), path)
    held_out = {"GPT": model, "LSTM": lstm.eval()}
    losses = {name: evaluate_loss(network, data.valid) for name, network in held_out.items()}
    count = sum(p.numel() for p in lstm.parameters())
    add({"way": "LSTM", "parameters": count, "loss": losses["LSTM"], "loss of GPT": losses["GPT"]})
    return lstm


def tune(network, name, way, seed, tokenizer):
    "Fine-tunes once, unless it is done, and writes its scores"
    if any((row["way"], row.get("task"), row.get("seed")) == (way, name, seed) for row in finished()):
        return
    if not (published := os.environ.get("GPT1_DATA")):
        raise UserError("GPT1_DATA names no folder; give that of the published files")
    task, source = TASKS[name], Path(published) / FOLDERS[name]
    rows = [load_rows(task, split, source) for split in ("train", "dev")]
    rows[0] = random.Random(0).sample(rows[0], min(limits[name], len(rows[0])))
    train, dev = (examples(task, part, tokenizer, network.config.context) for part in rows)
    torch.manual_seed(seed)
    model = TaskModel(network, task.outputs).to(device)
    history = finetune(model, train, dev, metric=task.metric, seed=seed, **tuning)
    row = {"task": name, "way": way, "seed": seed, "metric": task.metric.__name__}
    scores = [round(float(one["score"]), 4) for one in history]
    add(row | {"train": len(train), "dev": len(dev), "scores": scores})


def main():
    "The LSTM first, then the layers"
    model, tokenizer = load_model(folder / "pretrained", str(device))
    results.parent.mkdir(parents=True, exist_ok=True)
    lstm, count = pretrained_lstm(model), len(model.blocks)
    points = [None, *range(0, count + 1, max(1, count // 4))]
    for seed in seeds:
        for name in limits:
            tune(lstm, name, "LSTM", seed, tokenizer)
        for name in filter(limits.get, CARRIED):
            for layers in points:
                way = "nothing carried over" if layers is None else f"{layers} blocks carried over"
                tune(transfer(model, layers, seed), name, way, seed, tokenizer)


if __name__ == "__main__":
    with one_line_errors():
        main()
