"""Trains networks of several sizes for several numbers of steps, for the loss to expect

Usage: python nbs/results/scaling.py FOLDER [PRESET:STEPS …], with FOLDER/data prepared by
`reproduce.sh card FOLDER`. Each run has batches of 64 x 512 tokens and the peak learning rate of
its preset, and is measured on held-out novels. GPT1_DATA names the folder of the published
files. The rows go to FOLDER/results/scaling.json; what is there is not done again.
"""

import json
import os
import sys
from pathlib import Path

import gpt1
from gpt1.common import UserError, one_line_errors, write_text
from gpt1.model import count_parameters
from gpt1.scale.evaluation import encode_source, score

STEPS = 750, 1500, 3000
RUNS = [f"{name}:{steps}" for name in ("mini", "small", "medium") for steps in STEPS]
RUNS += ["gpt1:750", "gpt1:1500"]  # gpt1:3000 is the run `card` itself
MEASURED = 1_000_000  # tokens of held-out novels


def main(folder, runs):
    "Those of the runs that are not there yet"
    if not (published := os.environ.get("GPT1_DATA")):
        raise UserError("GPT1_DATA names no folder; give that of the published files")
    data, path = gpt1.open_prepared(folder / "data"), folder / "results" / "scaling.json"
    rows = json.loads(path.read_text(encoding="utf8")) if path.exists() else []
    novels = str(Path(published) / "novels" / "valid.txt.xz")
    ids, size, _ = encode_source(novels, data.tokenizer(), MEASURED, boundary="blank")
    path.parent.mkdir(parents=True, exist_ok=True)
    for run in runs:
        name, _, steps = run.partition(":")
        if any((row["preset"], row["steps"]) == (name, int(steps)) for row in rows):
            continue
        sizes = gpt1.preset(name, vocab_size=data.vocab_size, context=512)
        every = dict(evaluate_every=int(steps), checkpoint_every=int(steps))
        settings = gpt1.recipe(name, steps=int(steps), batch_size=64, **every)
        gpt1.train(folder / "scaling" / run.replace(":", "-"), data, sizes, settings)
        model, _ = gpt1.load_model(folder / "scaling" / run.replace(":", "-"))
        row = {"preset": name, "steps": int(steps), "tokens": int(steps) * 64 * 512}
        row |= {"learning rate": settings.learning_rate, "parameters": count_parameters(sizes)["total"]}
        rows.append(row | {"nats per token": score(model, ids, size)[0]["nats per token"]})
        write_text(path, "[\n" + ",\n".join(map(json.dumps, rows)) + "\n]\n")
        print(json.dumps(rows[-1]), flush=True)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: scaling.py FOLDER [PRESET:STEPS …]")
    with one_line_errors():
        main(Path(sys.argv[1]), sys.argv[2:] or RUNS)
