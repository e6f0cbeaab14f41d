"""Let the network write that OpenAI trained and released in 2018.

    python examples/write_with_openai_weights.py "She opened the old wooden box"

Fetches half a gigabyte from the Hugging Face Hub, once. Without an internet connection,
give --weights a folder that was copied from a machine with one: the files of the Hub's
openai-community/openai-gpt, or `model` of github.com/openai/finetune-transformer-lm.
"""
from pathlib import Path

import gpt1
from gpt1.scale.commands import command
from gpt1.scale.conversion import read_any


@command  # its parameters are options on the command line; a mistake ends in one line
def write_with_openai_weights(
    prompt: str,  # how the text begins
    *,
    weights: str = "openai-community/openai-gpt",  # on the Hub, or a folder
    length: int = 60,  # tokens to add
    samples: int = 1,  # texts to write
    temperature: float = 0.8,  # below 1: nearer to the most probable tokens
    top_k: int = 40,  # draw among so many tokens
    seed: int = 1,  # the same seed writes the same text
):
    "Let the network write that OpenAI released in 2018"
    # OpenAI's own format is read, and that of the Hub; every number is checked.
    try:
        model, tokenizer = read_any(weights)
    except gpt1.UserError as error:
        if Path(weights).exists():
            raise
        reason, *_ = str(error).split(";")
        advice = "without a network, copy the files from elsewhere: --weights FOLDER"
        raise gpt1.UserError(f"{reason}; {advice}") from None
    print(f"{gpt1.count_parameters(model.config)['total']:,} parameters\n")

    options = dict(temperature=temperature, top_k=top_k, seed=seed, samples=samples)
    for text in gpt1.write(model, tokenizer, prompt, length, tidy=True, **options):
        print(text, end="\n\n")


if __name__ == "__main__":
    write_with_openai_weights()
