"""Train a GPT-1 on your own texts, and let it write.

    python examples/train_on_your_texts.py my_texts --out my_run

Run it again to resume: what is done is not done again. `--help` names all options.
"""
import gpt1
from gpt1.scale.commands import command


@command  # its parameters are options on the command line; a mistake ends in one line
def train_on_your_texts(
    texts: str,  # a folder of .txt files in UTF-8, each a document, or one file
    *,
    out: str = "my_run",  # folder to write
    preset: str = "tiny",  # tiny, mini, small, medium, or gpt1: the paper's network
    vocab_size: int = 2048,  # entries of the vocabulary to learn (the paper's: 40,478)
    steps: int = 500,  # training steps
    processes: int = None,  # how many read the texts (default: one a CPU core)
    prompt: str = "The",  # how the text that it writes begins
):
    "Train a GPT-1 on your own texts, and let it write"
    # Text becomes ids on disk: a vocabulary is learned, a fiftieth is held out.
    sizes = dict(vocab_size=vocab_size, processes=processes)
    gpt1.prepare_source(texts, f"{out}/data", **sizes)
    data = gpt1.open_prepared(f"{out}/data")

    # The preset gives the sizes of the network and the settings of the training.
    network = gpt1.preset(preset, vocab_size=data.vocab_size)
    gpt1.train(out, data, network, gpt1.recipe(preset, steps=steps))

    # How well does it predict what was held out, beside models that only count?
    model, tokenizer = gpt1.load_model(out)
    for row in gpt1.evaluate(model, data, limit=20_000):
        print(f"{row['model']:8} perplexity {row['perplexity']:.2f}")
    print(gpt1.write(model, tokenizer, prompt, length=60, seed=1, tidy=True)[0])


if __name__ == "__main__":  # on macOS and Windows, worker processes import this file
    train_on_your_texts()
