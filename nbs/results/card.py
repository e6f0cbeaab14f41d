"""Measures the paper's network on a graphics card and writes `card.json`

Usage, with `gpt1[dev]` installed, from anywhere: python nbs/results/card.py [FILE]
It takes minutes. Notebooks 30 and 33 show what it wrote. With a FILE
there are two options more: `--short` leaves out fine-tuning and the second wave of steps,
`--small` is a rehearsal with a tiny network, which also runs on a CPU.
"""

import json
import os
import statistics
import subprocess
import sys
import time
from contextlib import nullcontext
from pathlib import Path

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.profiler import ProfilerActivity, profile

from gpt1.finetuning import Example, TaskModel, collate
from gpt1.model import GPT, GPTConfig, flops_per_token
from gpt1.optimizer import Adam, parameter_groups
from gpt1.scale import finetuning, kernels, performance, runs
from gpt1.training import update

SMALL, SHORT = ("--small" in sys.argv), ("--short" in sys.argv)
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PAPER = GPTConfig()
if SMALL:
    PAPER = GPTConfig(999, context=32, layers=2, heads=2, width=32, inner=128)
BACKENDS = {
    "flash": SDPBackend.FLASH_ATTENTION,
    "cuDNN": SDPBackend.CUDNN_ATTENTION,
    "math": SDPBackend.MATH,
}
CONTENDERS = [  # in waves that fit in 80 GB together: network, rows, micro-batch, compiled, attention
    [
        ("gpt1", 32, 32, True, None),
        ("nanoGPT-like", 32, 32, True, None),
        ("transformers", 32, 32, True, None),
        ("gpt1", 64, 64, True, None),
        ("gpt1", 32, 32, True, "cuDNN"),
    ],
    [
        ("gpt1", 32, 32, True, "math"),
        ("gpt1, plain", 32, 32, True, None),
        ("gpt1", 64, 16, True, None),
        ("gpt1", 32, 32, False, None),
        ("nanoGPT-like", 32, 32, False, None),
    ],
    [("transformers", 32, 32, False, None)],
]


def wait():
    "Until the card has done its work"
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


def seconds_of(function, rounds=5):
    "The median of some calls, after one"
    times = []
    for _ in range(rounds + 1):
        wait()
        start = time.perf_counter()
        function()
        wait()
        times.append(time.perf_counter() - start)
    return statistics.median(times[1:])


def cells_of(number, *names):
    "What the cells of a notebook define that contain one of these names"
    (path,) = Path(__file__).parents[1].glob(f"scale/{number}_*.ipynb")
    space = {**globals()}
    for cell in json.loads(path.read_text(encoding="utf8"))["cells"]:
        text = "".join(cell["source"])
        if cell["cell_type"] == "code" and any(name in text for name in names):
            exec(compile(text, path.name, "exec"), space)
    return space


def make_step(kind, rows, micro, compiled, attention):
    "A function that makes one step of a contender"
    from transformers import OpenAIGPTConfig, OpenAIGPTLMHeadModel

    classes = dict(OpenAIGPTConfig=OpenAIGPTConfig, OpenAIGPTLMHeadModel=OpenAIGPTLMHeadModel)
    globals().update(classes, FusedAdam=kernels.FusedAdam, speed_up=kernels.speed_up)
    globals().update(has_bfloat16=kernels.has_bfloat16)
    names = "class PlainBlock(", "def usual_step(", "def training_step_of("
    space = cells_of(33, *names)
    if micro < rows:  # ours only
        whole = update
        space["update"] = lambda *a, **o: whole(*a, **o, micro_batch_size=micro)
    step = space["training_step_of"](kind, PAPER, rows, compiled, device=DEVICE.type)
    chosen = (lambda: sdpa_kernel(BACKENDS[attention])) if attention else nullcontext

    def run():
        with chosen():
            return step()

    return run


PURPOSES = {  # what the name of a kernel contains, first match first
    "attention": ("flash", "fmha", "cudnn_generated", "sdpa"),
    "matrix products": ("gemm", "nvjet", "cutlass", "xmma", "cublas"),
    "optimizer": ("adam", "multi_tensor", "foreach"),
    "copies": ("Memcpy", "Memset"),
    "what the compiler fused": ("triton",),
}


def profile_of(step, steps=3):
    "Milliseconds of a step on the card by purpose, and how many copies of each kind in all"
    with profile(activities=[ProfilerActivity.CPU, ProfilerActivity.CUDA]) as measured:
        for _ in range(steps):
            step()
        wait()
    purposes, copies = {}, {}
    for event in measured.key_averages():
        if not event.self_device_time_total or event.self_cpu_time_total:
            continue
        name = event.key
        fitting = (p for p, parts in PURPOSES.items() if any(part in name for part in parts))
        purpose, milliseconds = next(fitting, "the rest"), event.self_device_time_total / 1e3 / steps
        purposes[purpose] = purposes.get(purpose, 0) + milliseconds
        if purpose == "copies":
            copies[name] = event.count
    return {"milliseconds": purposes, "copies": copies}


def contender(number):
    "A process of its own: makes a step, then does what it is told in lines"
    step = make_step(*json.loads(number))
    first = step()
    for _ in range(3):
        step()
    print("ready", json.dumps(first), flush=True)
    for line in sys.stdin:
        if line.startswith("profile"):
            print(json.dumps(profile_of(step)), flush=True)
            continue
        if DEVICE.type == "cuda":
            torch.cuda.reset_peak_memory_stats()
        steps = int(line)
        wait()
        start = time.perf_counter()
        for _ in range(steps):
            step()
        wait()
        seconds = (time.perf_counter() - start) / steps
        memory = torch.cuda.max_memory_allocated() if DEVICE.type == "cuda" else 0
        print(json.dumps([seconds, memory]), flush=True)


def ask(process, line):
    "What a contender answers; None if it has ended or says something else"
    try:
        process.stdin.write(f"{line}\n")
        process.stdin.flush()
        return json.loads(process.stdout.readline())
    except (OSError, ValueError):
        process.kill()
        return None


def contest(result, throughput, rounds=3):
    "Steps of all contenders, in turn, each in a process of its own"
    result["training"] = []
    for wave in CONTENDERS[::2] if SHORT else CONTENDERS:
        processes = {}
        for sizes in wave:
            command = [sys.executable, __file__, "--contender", json.dumps(sizes)]
            pipes = dict(stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
            processes[sizes] = subprocess.Popen(command + ["--small"] * SMALL, **pipes)
        for sizes in wave:
            if not processes[sizes].stdout.readline().startswith("ready"):
                processes[sizes].kill()
        times = {sizes: [] for sizes in processes}
        for _ in range(rounds):
            for sizes, process in processes.items():
                times[sizes].append(ask(process, 2 if SMALL else 960 // sizes[1]))
        for sizes in [sizes for sizes in wave if None in times[sizes]]:  # it cannot run
            del times[sizes]
            processes.pop(sizes).wait()
            result.setdefault("failed", []).append(sizes)
        for sizes, measured in times.items():
            seconds = statistics.median(seconds for seconds, _ in measured)
            speed = sizes[1] * PAPER.context / seconds
            names = ("network", "sequences", "micro-batch", "compiled", "attention")
            row = dict(zip(names, sizes)) | {"ms": 1e3 * seconds, "tokens/s": round(speed)}
            row |= {"each ms": [1e3 * s for s, _ in measured]}
            row |= {"MFU": speed * flops_per_token(PAPER) / throughput}
            row |= {"MFU of 989 TFLOP/s": speed * flops_per_token(PAPER) / 989e12}
            result["training"].append(row | {"GB": max(m for _, m in measured) / 1e9})
        for sizes, process in processes.items():
            if sizes[0] in ("gpt1", "transformers") and sizes[1] == 32 and sizes[3] and not sizes[4]:
                result.setdefault("profile", {})[sizes[0]] = ask(process, "profile")
            process.communicate()
        save(result)


def output_layer(result):
    "Loss and gradients of 32,768 tokens: chunks and padding of the matrix"
    N = 64 if SMALL else 32_768
    hidden = torch.randn(N, PAPER.width, device=DEVICE, requires_grad=True)
    matrix = torch.randn(PAPER.vocab_size, PAPER.width, device=DEVICE, requires_grad=True)
    targets, result["output layer"] = torch.randint(PAPER.vocab_size, (N,), device=DEVICE), []
    for multiple in (1, 64):
        for rows in (1024, 4096, 8192):

            def step():
                with torch.autocast(DEVICE.type, torch.bfloat16):
                    loss = kernels.chunked_cross_entropy(hidden, matrix, targets, rows, multiple)
                loss.backward()

            columns = -(-PAPER.vocab_size // multiple) * multiple
            row = {"columns": columns, "tokens in a chunk": rows}
            result["output layer"].append(row | {"ms": 1e3 * seconds_of(step)})


def adam(result):
    "Five steps on the card and in 64-bit numbers on the CPU, the gradients clipped"
    rng, shapes = np.random.default_rng(0), ((300, 70), (70,), (5, 6, 7))
    start = [rng.normal(size=shape) for shape in shapes]
    gradients = [[rng.normal(size=shape) * 3 for shape in shapes] for _ in range(5)]
    fast = [nn.Parameter(torch.tensor(x, dtype=torch.float32, device=DEVICE)) for x in start]
    exact = [nn.Parameter(torch.tensor(x)) for x in start]
    optimizers = kernels.FusedAdam(fast, 1e-2, weight_decay=0.1), Adam(exact, 1e-2, weight_decay=0.1)
    for step in gradients:
        for parameters, optimizer in zip((fast, exact), optimizers):
            for p, gradient in zip(parameters, step):
                p.grad = torch.tensor(gradient, dtype=p.dtype, device=p.device)
            norm = torch.linalg.vector_norm(torch.stack([p.grad.norm() for p in parameters]))
            optimizer.step(scale=(1 / norm).clamp(max=1))
    pairs = [(f.detach().cpu().double(), e.detach()) for f, e in zip(fast, exact)]
    result["adam"] = {"largest difference": max((f - e).abs().max().item() for f, e in pairs)}
    before = [p.detach().clone() for p in fast]
    fast[1].grad[3] = torch.inf
    optimizers[0].step(scale=torch.tensor(0.0, device=DEVICE) * torch.inf)
    changed = sum(not torch.equal(a, b) for a, b in zip(before, fast))
    result["adam"] |= {"tensors changed by a step with inf": changed}


def fine_tuning(result):
    "The paper's network beside `transformers`' class with a head, and hours for every task"
    from transformers import OpenAIGPTConfig, OpenAIGPTForSequenceClassification

    rng, rows, V = np.random.default_rng(0), [], PAPER.vocab_size
    bfloat16 = lambda: torch.autocast(DEVICE.type, torch.bfloat16)
    for name, mean, count in (("CoLA", 12, 1024), ("RACE", 400, 256)):
        sizes = rng.gamma(6, mean / 6, count).astype(int).clip(4, PAPER.context - 2)
        ids = [[V, *rng.integers(1, V, size).tolist(), V + 2] for size in sizes]
        examples = [Example([sequence], int(rng.integers(2))) for sequence in ids]
        torch.manual_seed(0)
        more = dict(vocab_size=V + 3, n_positions=PAPER.context, n_embd=PAPER.width, n_layer=PAPER.layers)
        more |= dict(n_head=PAPER.heads, num_labels=2, pad_token_id=0)
        theirs = OpenAIGPTForSequenceClassification(OpenAIGPTConfig(**more)).to(DEVICE)
        optimizer = torch.optim.AdamW(theirs.parameters(), fused=DEVICE.type == "cuda")
        ours = TaskModel(GPT(PAPER), 2, lm_weight=0.0).to(DEVICE)
        settings = finetuning.FineTuningConfig()
        run = finetuning.FineTuningRun(ours, examples, examples, settings)
        batch = [part.to(DEVICE) for part in collate(examples[:32])]

        def their_step(ids, targets):
            with bfloat16():
                loss = theirs(ids[:, 0], labels=targets).loss
            optimizer.zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(theirs.parameters(), 1.0)
            optimizer.step()

        def our_step(ids, targets):
            run.batches = lambda step: (ids, targets)
            run.step = 0
            run.take_step()
            run.recent.clear()

        def epoch(step, buckets):
            lengths = np.array([len(example.sequences[0]) for example in examples])
            for numbers in finetuning.epoch_batches(lengths, 32, buckets=buckets):
                step(*(part.to(DEVICE) for part in collate([examples[n] for n in numbers])))

        def their_predictions():
            theirs.eval()
            with torch.no_grad(), bfloat16():
                for first in range(0, count, 32):
                    theirs(collate(examples[first : first + 32])[0][:, 0].to(DEVICE))
            theirs.train()

        def our_predictions():
            finetuning.predict(ours, examples)
            ours.train()

        theirs.train(), ours.train()
        pairs = {
            "step on the same batch": (lambda: our_step(*batch), lambda: their_step(*batch)),
            "an epoch": (lambda: epoch(our_step, True), lambda: epoch(their_step, False)),
            "predictions": (our_predictions, their_predictions),
        }
        for what, (us, them) in pairs.items():
            rounds = 15 if what == "step on the same batch" else 3
            seconds = [seconds_of(f, rounds) for f in (us, them)]
            row = {"lengths": name, "what": what, "ours, ms": 1e3 * seconds[0]}
            row |= {"transformers, ms": 1e3 * seconds[1], "ratio": seconds[1] / seconds[0]}
            rows.append(row)
        del run, ours, theirs, optimizer
    result["fine-tuning"] = rows
    save(result)
    torch.manual_seed(0)
    names = ("cola", "rte") if SMALL else tuple(performance.PUBLISHED)
    model = GPT(PAPER).to(DEVICE)
    result["hours"] = performance.hours_per_task(model, device=DEVICE.type, names=names)


def save(result):
    "Writes what is there so far"
    path = Path(OUT)
    path.with_suffix(".part").write_text(json.dumps(result, indent=1), encoding="utf8")
    os.replace(path.with_suffix(".part"), path)


def main():
    "All measurements, each kept as it comes"
    on_card = DEVICE.type == "cuda"
    name = torch.cuda.get_device_name() if on_card else "CPU (a rehearsal)"
    result = {"card": name, "torch": torch.__version__}
    half = kernels.has_bfloat16(DEVICE)
    throughput = performance.matmul_throughput(DEVICE, half)
    result["products of the network's shapes, TFLOP/s"] = throughput / 1e12
    for measure in (output_layer, adam) if SHORT else (output_layer, adam, fine_tuning):
        start = time.perf_counter()
        try:
            measure(result)
        except Exception as error:  # the others may go on
            result.setdefault("failed", []).append(f"{measure.__name__}: {error!r}"[:500])
        result.setdefault("seconds", {})[measure.__name__] = time.perf_counter() - start
        save(result)
        if on_card:
            torch.cuda.empty_cache()
    start = time.perf_counter()
    contest(result, throughput)
    result["seconds"]["contest"] = time.perf_counter() - start
    save(result)


if __name__ == "__main__":
    if "--contender" in sys.argv:
        contender(sys.argv[sys.argv.index("--contender") + 1])
    else:
        options = {argument for argument in sys.argv[1:] if argument.startswith("-")}
        files = [argument for argument in sys.argv[1:] if argument not in options]
        if options - {"--short", "--small"} or len(files) > 1 or options and not files:
            sys.exit("usage: card.py [FILE], card.py --short FILE or card.py --small FILE")
        OUT = files[0] if files else Path(__file__).with_name("card.json")
        main()
