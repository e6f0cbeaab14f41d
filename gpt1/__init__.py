"""The GPT-1 paper as a book you can run; this is its public API, imported as it is used.

    import gpt1

    gpt1.prepare_source("my_book.txt", "my_data", vocab_size=2048, processes=1)
    data = gpt1.open_prepared("my_data")
    config = gpt1.preset("tiny", vocab_size=data.vocab_size)
    gpt1.train("my_run", data, config, gpt1.recipe("tiny", steps=500))
    model, tokenizer = gpt1.load_model("my_run")
    print(gpt1.write(model, tokenizer, "Once upon a time", length=50)[0])
"""
from contextlib import suppress
from importlib import import_module
import os
import signal
import sys
import threading

__version__ = "0.1.0"

_MODULES = {  # where each name is from; of two, the one that is made for size
    "gpt1.scale.sources": ["documents", "open_source"],
    "gpt1.scale.fast_encoding": ["FastBPETokenizer", "GPT2Tokenizer", "load_tokenizer"],
    "gpt1.scale.preparation": ["prepare", "prepare_source"],
    "gpt1.scale.prepared_data": ["open_prepared"],
    "gpt1.model": ["GPT", "GPTConfig", "preset", "count_parameters"],
    "gpt1.scale.kernels": ["speed_up"],
    "gpt1.scale.checkpoints": ["load_model"],
    "gpt1.scale.runs": ["TrainingConfig", "recipe", "train", "status"],
    "gpt1.scale.finetuning": ["finetune", "finetune_seeds", "load_finetuned"],
    "gpt1.scale.writing": ["write", "generate", "stream_text"],
    "gpt1.scale.performance": ["hours_per_task"],
    "gpt1.scale.evaluation": ["evaluate"],
    "gpt1.scale.conversion": [
        "from_openai", "from_huggingface", "to_openai", "to_huggingface", "to_run", "convert"
    ],
    "gpt1.common": ["UserError"],
}
_MODULE_OF = {name: module for module, names in _MODULES.items() for name in names}
_MODULE_OF["BPETokenizer"] = _MODULE_OF.pop("FastBPETokenizer")  # under the plain one's name
_NAME_THERE = {"BPETokenizer": "FastBPETokenizer"}
__all__ = sorted(_MODULE_OF)


def _is_run_as(module):
    "Whether Python was started with `-m MODULE`; while it looks for that, argv[0] is -m"
    count = len(sys.orig_argv) - len(sys.argv[1:])  # without the module's own arguments
    return sys.argv[:1] == ["-m"] and sys.orig_argv[:count][-2:] == ["-m", module]


def _leave(number, frame=None):
    "Ends the program at a signal; an exception could get lost in what is being imported"
    if os.environ.get("RANK") in (None, "", "0"):  # of several processes one says it
        with suppress(OSError):  # it may be closed
            os.write(2, b"stopped\n")
    os._exit(128 + number)


_program = os.path.basename("".join(sys.argv[:1]))
if _program.startswith("gpt1_") and not _program.endswith(".py"):  # a command, not begun yet
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _leave)

if _is_run_as("gpt1.training"):  # the command of earlier versions
    sys.exit("gpt1.training is not a command any more; run gpt1_train, with the same options")


def __getattr__(name):
    "Imports a name of the public API when it is first used"
    if name not in _MODULE_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    module = import_module(_MODULE_OF[name])
    value = globals()[name] = getattr(module, _NAME_THERE.get(name, name))
    return value


def __dir__():
    "The public API beside what the module has already"
    return sorted({*globals(), *__all__} - {"import_module", "os", "signal", "suppress", "sys", "threading"})
