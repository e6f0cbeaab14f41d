#!/usr/bin/env bash
# From text to the paper's tables, by the commands of the package. Notebook 14 shows what came of it.
#
#   bash nbs/results/reproduce.sh RUN [FOLDER]
#
#   tenth    the smallest network, one seed, one task, minutes
#   cores    a small network on two cores: hours
#   card     the paper's network on one graphics card, for minutes
#   paper    the paper's network on OpenWebText: hours to days on one card
#
# GPT1_DATA names the folder of the published files; tasks and vocabulary that are not there come from the
# Hub (Story Cloze is not on it: without its files `paper` does the rest). CORPUS and HELDOUT name other text
# than the novels; STREAMING=yes keeps no copy of OpenWebText. Run it again to resume. Networks go to FOLDER
# (runs/RUN), what is to be kept to FOLDER/results. STAGES names some of the stages, AT_ONCE how many
# fine-tunings run at a time (`cores`, `card`), SEED the seed of `tenth`. One stage more, `trials`, tries
# sizes for `cores`.
set -euo pipefail

fail() { echo "reproduce.sh: $*" >&2; exit 2; }
trap 'exit 130' INT                           # after the command that runs
run=${1:-none}
out=${2:-runs/$run}
all="prepare pretrain evaluate zero_shot finetune collect"
stages=${STAGES:-$all}
for stage in $stages; do
    case " $all trials " in
        *" $stage "*) ;;
        *) fail "unknown stage $stage: expected some of $all, or trials" ;;
    esac
done
published=${GPT1_DATA:-}
[ -z "$published" ] || [ -d "$published" ] || fail "GPT1_DATA: there is no folder $published"
corpus=${CORPUS:-$published/novels/train.txt.xz}
heldout=${HELDOUT-${published:+$published/novels/valid.txt.xz}}  # none: held-out documents of the corpus
vocabulary=$published/openai-gpt
[ -d "$vocabulary" ] || vocabulary=openai-community/openai-gpt
tasks="race-middle sst2 snli cola mrpc stsb qnli" seeds=3 at_once=1 compile=auto
questions=300                                 # of a task, at each checkpoint
learned=                                      # entries of a vocabulary of its own
steps=                                        # the preset's, if none
between="--boundary blank"                    # documents of a text
case $run in
    tenth)
        size="--preset tiny --learning_rate 5e-4 --seed ${SEED:-0}" steps=400 tasks=sst2 seeds=1 learned=2048
        rate="--learning_rate 3e-4" limit=300 measured=20000 questions=30 ;;
    cores)
        size="--preset mini --batch_size 8" steps=2000 tasks="sst2 snli cola mrpc stsb qnli race-middle"
        rate="--learning_rate 3e-4" limit=0 measured=200000 at_once=${AT_ONCE:-1} seeds=2 ;;
    card)
        size="--preset gpt1" steps=3000
        rate="" limit=10000 measured=1000000 at_once=${AT_ONCE:-10} compile=no questions=500 seeds=2 ;;
    paper)
        size="--preset gpt1" corpus=${CORPUS:-openwebtext} heldout=${HELDOUT-}
        if [ "$corpus" = openwebtext ]; then between=${STREAMING:+--streaming}; fi
        rate="" limit=0 measured=1000000 questions=100000
        tasks="mnli snli scitail qnli rte race-middle race-high storycloze sst2 cola mrpc qqp stsb" ;;
    *) fail "give a run: tenth, cores, card or paper" ;;
esac
[ "$at_once" -ge 1 ] 2> /dev/null || fail "AT_ONCE is $at_once: expected a number from 1"
[ "$run" = paper ] || [ -n "${CORPUS:-$published}" ] || fail "give GPT1_DATA, or CORPUS"
limits=()                                     # examples to learn from, where minutes are few
case $run in
    cores) limits=(sst2=3000 snli=1500 cola=3500 mrpc=700 stsb=650 qnli=800 race-middle=200) ;;
    card) limits=(race-middle=2000 snli=5000 qnli=5000 sst2=5000) ;;
esac

results=$out/results
mkdir -p "$results"
say() { echo "+ $*" >&2; "$@"; }
keep() { "${@:2}" > "$1.part" && mv "$1.part" "$1"; }  # FILE COMMAND: what it prints, once it is whole

prepare() {
    local words=(--tokenizer "$vocabulary")
    [ -z "$learned" ] || words=(--vocab_size "$learned")
    # shellcheck disable=SC2086
    say gpt1_prepare --data "$corpus" "${words[@]}" $between --valid_fraction 0.001 --out "$out/data"
    sed '/^ "source"/d' "$out/data/manifest.json" > "$results/data.json"  # the source is a path
}

trials() {                                    # 153,600 tokens each
    local trial parts folder
    for trial in "tiny 8 2e-3 150" "mini 4 1e-3 150" "mini 4 2e-3 150" "mini 8 1e-3 75" "mini 8 2e-3 75"; do
        read -ra parts <<< "$trial"
        folder=$out/trials/${trial// /_}
        say gpt1_train --preset "${parts[0]}" --batch_size "${parts[1]}" --learning_rate "${parts[2]}" \
            --steps "${parts[3]}" --data "$out/data" --out "$folder"
        keep "$folder/evaluation.json" say gpt1_evaluate "$folder" \
            ${heldout:+--data "$heldout" --boundary blank} --limit "$measured" --json
    done
    keep "$results/trials.json" python3 - "$out/trials" << 'PYTHON'
import json, sys
from pathlib import Path

rows = []
for path in sorted(Path(sys.argv[1]).glob("*/evaluation.json")):
    preset, *numbers = path.parent.name.split("_")
    row = {"preset": preset} | dict(zip(("batch_size", "learning_rate", "steps"), map(json.loads, numbers)))
    rows.append(row | {"bits per byte": json.loads(path.read_text())[0]["bits per byte"]})
print("[\n" + ",\n".join(map(json.dumps, rows)) + "\n]")
PYTHON
}

pretrain() {
    # shellcheck disable=SC2086
    say gpt1_train $size ${steps:+--steps "$steps"} --data "$out/data" --keep 1000 --out "$out/pretrained"
    cp "$out/pretrained/log.jsonl" "$results/pretraining.jsonl"
    cp "$out/pretrained/samples.txt" "$results"
    # a network that knows nothing yet: one step at a rate of next to nothing
    # shellcheck disable=SC2086
    say gpt1_train $size --steps 1 --learning_rate 1e-9 --compile no --data "$out/data" --out "$out/fresh"
}

evaluate() {
    keep "$results/evaluation.json" say gpt1_evaluate "$out/pretrained" \
        ${heldout:+--data "$heldout" --boundary blank} --limit "$measured" --json
    cat "$results/evaluation.json"
}

tune() {                                      # WAY TASK SEEDS: one more seed, if the others are there
    local way=$1 task=$2 seeds=$3 from=$out/pretrained weight=0.5 entry few=$limit sizes="" data=()
    local folder=$out/finetuned/$way/$task
    # others at work need memory too
    if [ "$at_once" -gt 1 ] && [ "$task" = race-middle ]; then sizes="--micro_batch 8"; fi
    if [ "$task" = race-middle ] && [ -d "$out/race" ]; then data=(--data "$out/race"); fi
    case $way in no-pretraining) from=$out/fresh ;; no-auxiliary) weight=0 ;; esac
    for entry in ${limits[@]+"${limits[@]}"}; do
        if [ "${entry%=*}" = "$task" ]; then few=${entry#*=}; fi
    done
    [ "$few" = 0 ] || sizes="$sizes --limit $few"
    mkdir -p "$folder"
    # shellcheck disable=SC2086
    say gpt1_finetune "$from" --task "$task" ${data[@]+"${data[@]}"} --seeds "$seeds" --lm_weight "$weight" \
        --compile $compile $rate $sizes --out "$folder" >> "$folder/log.txt" 2>&1 \
        || { tail -n 1 "$folder/log.txt" >&2; return; }  # the others go on; `collect` names this one
    echo "$way $task: $(tr -d '\n ' < "$folder/result.json")"
}

few_passages() {                              # of RACE: a third, so that scoring takes minutes
    python3 - "$published/race/middle.tar.xz" "$out/race" << 'PYTHON'
import sys, tarfile

with tarfile.open(sys.argv[1]) as archive:
    archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, path: member)
    archive.extractall(sys.argv[2], [file for file in archive if file.name.split("/")[-1][0] in "12"])
PYTHON
}

finetune() {
    local jobs=() seed task way
    if [ "$run" = cores ]; then
        if [ -f "$published/race/middle.tar.xz" ]; then few_passages
        else echo "reproduce.sh: no $published/race/middle.tar.xz, so RACE is scored whole" >&2; fi
    fi
    for seed in $(seq "$seeds"); do for task in $tasks; do for way in full no-pretraining no-auxiliary; do
        jobs+=("$way $task $seed")
    done; done; done
    if [ "$at_once" = 1 ]; then
        # shellcheck disable=SC2086
        for job in "${jobs[@]}"; do tune $job; done
    else                                      # several at a time, a seed after the other
        export OMP_NUM_THREADS=1
        local before=1
        for job in "${jobs[@]}"; do
            [ "${job##* }" = "$before" ] || wait
            before=${job##* }
            while [ "$(jobs -rp | wc -l)" -ge "$at_once" ]; do wait -n 2> /dev/null || sleep 1; done
            # shellcheck disable=SC2086
            tune $job &
        done
        wait
    fi
}

zero_shot() {
    local checkpoint
    mkdir -p "$out/zero_shot"
    for checkpoint in "$out/fresh" "$out"/pretrained/checkpoints/step-*; do
        keep "$out/zero_shot/$(basename "$checkpoint").json" \
            say gpt1_evaluate "$checkpoint" --task cola sst2 race-middle --examples "$questions" --json
    done
}

collect() {                                   # the scores of all in two files
    python3 - "$out" "$seeds" $tasks <<'PYTHON'
import json, re, sys
from pathlib import Path

out, seeds, tasks = Path(sys.argv[1]), int(sys.argv[2]), sys.argv[3:]
ways, tuned, asked = ("full", "no-pretraining", "no-auxiliary"), [], []
for path in sorted(out.glob("finetuned/*/*/seed-*/checkpoints/*/checkpoint.json")):
    record, (way, task, seed) = json.loads(path.read_text()), path.parts[-6:-3]
    if record.get("finished"):
        log = (out / "finetuned" / way / task / "log.txt").read_text()
        counts = re.search(r"([\d,]+) training and ([\d,]+) validation", log).groups()
        row = {"task": task, "way": way, "seed": int(seed[5:]), "metric": record["task"]["metric"]}
        row |= {name: int(count.replace(",", "")) for name, count in zip(("train", "dev"), counts)}
        tuned.append(row | {"scores": [round(one["score"], 4) for one in record["history"]]})
for path in sorted(out.glob("zero_shot/*.json")):
    step = int(path.stem.removeprefix("step-").replace("fresh", "0"))
    asked += [{"step": step} | row for row in json.loads(path.read_text())]
for name, rows in {"finetuning": tuned, "zero_shot": asked}.items():
    text = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    (out / "results" / f"{name}.json").write_text(f"[\n{text}\n]\n", encoding="utf8")
print(f"{len(tuned)} fine-tunings, {len(asked)} scores without any → {out / 'results'}")
ended = {(row["way"], row["task"], row["seed"]) for row in tuned}
asked_for = [(way, task, seed) for way in ways for task in tasks for seed in range(seeds)]
if missing := [f"{way} {task} {seed}" for way, task, seed in asked_for if (way, task, seed) not in ended]:
    sys.exit(f"not there, see the log.txt of each: {', '.join(missing)}")
PYTHON
}

for stage in $stages; do
    echo "$stage $(date +%T)" | tee -a "$results/stages.txt"
    "$stage"
done
echo "done $(date +%T)" | tee -a "$results/stages.txt"
