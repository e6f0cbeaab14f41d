"""The two ablations of section 5 that no command makes: an LSTM, and fewer layers carried over

Usage: python nbs/results/ablations.py RUN FOLDER lstm [STEPS], or RUN FOLDER layers, in the
folder of `reproduce.sh RUN FOLDER`. `lstm` trains the LSTM on the same batches by the same recipe,
measures it on held-out text and fine-tunes it; it needs the prepared data and the settings of
the run. With STEPS it ends there, early on the same schedule, and the network's checkpoint
after as many steps is measured and fine-tuned beside it. `layers` fine-tunes the network
of the run with fewer of its blocks. GPT1_DATA names the folder of the published files, AT_ONCE
how many fine-tunings run at a time. Run it again to resume: what is in
FOLDER/results/PART.json is not done again.
"""

import json
import os
import random
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from contextlib import nullcontext
from multiprocessing import get_context
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file

from gpt1.analysis import LSTMLanguageModel, transfer
from gpt1.common import UserError, one_line_errors, seed_step, start_worker
from gpt1.common import write_atomically, write_text
from gpt1.data import Batches, open_prepared
from gpt1.finetuning import TaskModel, finetune
from gpt1.model import preset
from gpt1.optimizer import Adam, learning_rate, parameter_groups
from gpt1.scale.checkpoints import load_model
from gpt1.scale.evaluation import encode_source, score
from gpt1.scale.files import whole_number
from gpt1.scale.finetuning import ChunkedLossTaskModel
from gpt1.scale.kernels import FASTER
from gpt1.scale.runs import bfloat16_autocast, recipe
from gpt1.tasks import TASKS, examples, load_rows
from gpt1.training import update

DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
UNITS = {"gpt1": 2048, "mini": 683, "tiny": 683}  # as many for the width as in the paper
FOLDERS = {"sst2": "glue/SST-2", "cola": "glue/CoLA", "mrpc": "glue/MRPC", "stsb": "glue/STS-B"}
FOLDERS |= {"snli": "nli/SNLI", "qnli": "nli/QNLI", "race-middle": "race"}
LIMITS = {  # examples to learn from, as in reproduce.sh
    "card": dict(sst2=5000, snli=5000, qnli=5000, cola=10000, mrpc=10000, stsb=10000),
    "cores": dict(sst2=3000, snli=1500, qnli=800, cola=3500, mrpc=700, stsb=650),
    "tenth": dict(sst2=300),
}
LIMITS["card"]["race-middle"], LIMITS["cores"]["race-middle"] = 2000, 200
MEASURED = {"card": 1_000_000, "cores": 200_000, "tenth": 20_000}  # tokens of held-out novels
CARRIED = "sst2", "snli"  # the tasks for the layers


def published():
    "The folder of the published files"
    if not (folder := os.environ.get("GPT1_DATA")):
        raise UserError("GPT1_DATA names no folder; give that of the published files")
    return Path(folder)


def new_lstm(folder):
    "The LSTM for a run, the settings of the run and its prepared data"
    asked = json.loads((folder / "pretrained" / "run.json").read_text(encoding="utf8"))
    given = {name: asked[name] for name in ("steps", "batch_size", "learning_rate") if name in asked}
    name, data = asked["preset"], open_prepared(folder / "data")
    settings = recipe(name, seed=asked.get("seed", 0), **given)
    torch.manual_seed(settings.seed)
    sizes = preset(name, vocab_size=data.vocab_size, inner=UNITS[name])
    return LSTMLanguageModel(sizes).to(DEVICE), settings, data


def pretrain(folder, steps):
    "Trains the LSTM as the network was: the same batches and rates, as many steps"
    lstm, settings, data = new_lstm(folder)
    batches = Batches(data.train, settings.batch_size, lstm.config.context, seed=settings.seed)
    optimizer, start = Adam(parameter_groups(lstm, settings.weight_decay)), time.perf_counter()
    schedule = settings.steps, settings.learning_rate, settings.warmup
    options = dict(grad_clip=settings.grad_clip, autocast=bfloat16_autocast(DEVICE) or nullcontext())
    for step in range(steps):
        seed_step(settings.seed, step)
        for group in optimizer.param_groups:
            group["lr"] = learning_rate(step, *schedule)
        inputs, targets = (part.to(DEVICE) for part in batches(step))
        loss, _ = update(lstm.train(), optimizer, inputs, targets, **options)
        if step in (0, 9) or (step + 1) % 100 == 0:
            seconds = (time.perf_counter() - start) / (step + 1)
            print(f"LSTM, step {step + 1}: loss {loss.item():.3f}, {seconds:.3f} s a step", flush=True)
        if step + 1 == steps or (folder / "pretrained" / "checkpoints" / f"step-{step + 1:07}").exists():
            with write_atomically(folder / f"lstm-{step + 1}.safetensors") as path:
                save_file(lstm.state_dict(), path)


def load(folder, way, steps):
    "The LSTM or the network after some steps, and its tokenizer"
    if way == "LSTM":
        lstm, _, data = new_lstm(folder)
        lstm.load_state_dict(load_file(folder / f"lstm-{steps}.safetensors", device=str(DEVICE)))
        return lstm.eval(), data.tokenizer()
    return load_model(folder / "pretrained" / "checkpoints" / f"step-{steps:07}", str(DEVICE))


def measure(folder, way, steps, measured):
    "A row: the size of a network and its loss on the held-out novels"
    network, tokenizer = load(folder, way, steps)
    novels = published() / "novels" / "valid.txt.xz"
    ids, size, _ = encode_source(str(novels), tokenizer, measured, boundary="blank")
    row = {"way": way, "steps": steps, "parameters": sum(p.numel() for p in network.parameters())}
    return row | score(network, ids, size)[0] | {"model": way}


def tune(run, folder, way, steps, name, seed):
    "Fine-tunes once; the row of it"
    torch.set_float32_matmul_precision("high")
    if steps:
        network, tokenizer = load(folder, way, steps)
    else:
        model, tokenizer = load_model(folder / "pretrained", str(DEVICE))
        network = transfer(model, None if way == "nothing" else int(way.split()[0]), seed)
    task, source = TASKS[name], published() / FOLDERS[name]
    if name == "race-middle" and (folder / "race").is_dir():  # as cut down for `cores`
        source = folder / "race"
    rows, limit = [load_rows(task, split, source) for split in ("train", "dev")], LIMITS[run][name]
    rows[0] = random.Random(0).sample(rows[0], min(limit, len(rows[0])))
    train, dev = (examples(task, part, tokenizer, network.config.context) for part in rows)
    torch.manual_seed(seed)
    model = TaskModel(network, task.outputs).to(DEVICE)
    model.__class__ = ChunkedLossTaskModel  # skips padding
    for module in model.modules():  # `speed_up_task` takes no LSTM
        module.__class__ = FASTER.get(type(module), type(module))
    rate = {} if run == "card" else {"learning_rate": 3e-4}
    history = finetune(model, train, dev, metric=task.metric, seed=seed, **rate)
    row = {"task": name, "way": way, "seed": seed, "metric": task.metric.__name__}
    row |= {"steps": steps} if steps else {}
    scores = [round(float(one["score"]), 4) for one in history]
    return row | {"train": len(train), "dev": len(dev), "scores": scores}


def main(run, folder, part, steps=None):
    "What of this part is not there yet"
    published()
    given = os.environ.get("AT_ONCE") or "1"
    at_once = whole_number("AT_ONCE", int(given) if given.isdecimal() else given)
    torch.set_float32_matmul_precision("high")
    path = folder / "results" / f"{part}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    rows = json.loads(path.read_text(encoding="utf8")) if path.exists() else []

    def add(row):
        rows.append(row)
        lines = [json.dumps(one, ensure_ascii=False) for one in rows]
        write_text(path, "[\n" + ",\n".join(lines) + "\n]\n")
        print(json.dumps(row, ensure_ascii=False), flush=True)

    seeds, jobs = range(1 if run == "tenth" else 2), []
    if part == "lstm":
        whole = new_lstm(folder)[1].steps
        steps = int(steps or whole)
        checkpoint = folder / "pretrained" / "checkpoints" / f"step-{steps:07}"
        if not checkpoint.exists():
            raise UserError(f"STEPS: there is no {checkpoint}")
        ways = ("LSTM",) if steps == whole else ("LSTM", "GPT")
        if not (folder / f"lstm-{steps}.safetensors").exists():
            pretrain(folder, steps)
        measured = {(row["way"], row.get("steps", whole)) for row in rows if "parameters" in row}
        for way in ways:
            if (way, steps) not in measured:
                add(measure(folder, way, steps, MEASURED[run]))
        jobs = [(way, steps, name, seed) for seed in seeds for name in LIMITS[run] for way in ways]
    else:
        count = len(load_model(folder / "pretrained", "cpu")[0].blocks)
        points = [*(f"{n} blocks" for n in range(0, count + 1, max(1, count // 4))), "nothing"]
        tasks = [name for name in CARRIED if name in LIMITS[run]]
        jobs = [(way, None, name, seed) for seed in seeds for way in points for name in tasks]
    done = {(row["way"], row.get("steps"), row.get("task"), row.get("seed")) for row in rows}
    jobs, failed = [job for job in jobs if job not in done], []
    if at_once == 1:
        for job in jobs:
            add(tune(run, folder, *job))
        return
    pool = ProcessPoolExecutor(at_once, get_context("spawn"), start_worker)
    try:
        running = {pool.submit(tune, run, folder, *job): job for job in jobs}
        for future in as_completed(running):
            if error := future.exception():
                failed.append(f"{running[future]}: {error!r}"[:300])
            else:
                add(future.result())
    except BaseException:  # Ctrl-C too: a worker leaves that to us
        for worker in pool._processes.values():
            worker.terminate()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
    if failed:
        raise UserError(f"{len(failed)} failed; run it again for these: {'; '.join(failed[:3])}")


if __name__ == "__main__":
    run, folder, part, *steps = sys.argv[1:] if 4 <= len(sys.argv) <= 5 else ("", "", "")
    asked = part == "lstm" and all(map(str.isdecimal, steps)) or part == "layers" and not steps
    if run not in LIMITS or not asked:
        runs = "RUN is card, cores or tenth"
        sys.exit(f"usage: ablations.py RUN FOLDER lstm [STEPS], or RUN FOLDER layers; {runs}")
    with one_line_errors():
        main(run, Path(folder), part, *steps)
