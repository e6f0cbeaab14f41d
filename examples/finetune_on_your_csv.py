"""Fine-tune a network on your own CSV: a column of texts, and one of labels.

    python examples/finetune_on_your_csv.py reviews.csv --text review --label stars

`gpt1_finetune` does this and more, such as pairs of texts. Here is how it is done.
"""
import random

import gpt1
from gpt1.scale.commands import command
from gpt1.scale.conversion import read_any
from gpt1.scale.finetuning import predict, task_examples
from gpt1.tasks import Task, read_table


@command  # its parameters are options on the command line; a mistake ends in one line
def finetune_on_your_csv(
    csv: str,  # the file: .csv, .tsv or .jsonl
    *,
    text: str = "text",  # column of the texts
    label: str = "label",  # column of the labels
    network: str = "my_run",  # a run, or openai-community/openai-gpt from the Hub
    out: str = "my_task",  # folder to write
    epochs: int = 3,  # passes over the rows
    batch_size: int = 32,  # rows a step
):
    "Fine-tune a network on your own CSV; run it again to resume"
    # The labels are those that occur; a row without one is a mistake.
    rows = read_table(csv, least=1)
    labels = tuple(sorted({str(row.get(label, "")) for row in rows}))
    if "" in labels:
        raise gpt1.UserError(f"{csv}: a row has no {label!r}; choose another --label")
    task = Task("your task", "classification", (text,), labels, label)

    # Rows become ids; a tenth, drawn at random, is held out to choose the best epoch.
    random.Random(0).shuffle(rows)
    model, tokenizer = read_any(network)
    examples, _ = task_examples(task, rows, tokenizer, model.config.context)
    valid, train = examples[: len(rows) // 10], examples[len(rows) // 10 :]
    options = dict(seeds=1, epochs=epochs, batch_size=batch_size)
    result = gpt1.finetune_seeds(model, task, tokenizer, train, valid, out, **options)
    print(f"{result['metric']} on {len(valid)} rows held out: {result['median']:.3f}")

    # The network of the best epoch, loaded as a later program would, on three rows.
    model, task, tokenizer = gpt1.load_finetuned(out)
    for row, scores in zip(rows, predict(model, valid[:3])):
        print(f"{labels[scores.argmax()]}: {row[text]}")


if __name__ == "__main__":  # on macOS and Windows, worker processes import this file
    finetune_on_your_csv()
