"""Writes `tables.json`: spaCy's English rules for printable ASCII, as JavaScript reads them

Usage: python nbs/network/tables.py
The four patterns are parsed and written again with every character beyond ASCII left out;
of the exceptions, those in ASCII stay, each as its tokens with spaces between them.
"""

import json
import re
import sys
from pathlib import Path

if sys.version_info >= (3, 11):
    from re import _parser as parser
else:
    import sre_parse as parser

from spacy.symbols import ORTH

from gpt1.bpe import english_splitter
from gpt1.common import write_text
from gpt1.scale.fast_merges import _SIGNS

ASCII = range(33, 127)  # what a chunk can be made of
CATEGORIES = {"DIGIT": r"\d", "SPACE": r"\s", "WORD": r"\w"}


def in_class(items):
    "The ASCII characters of a class"
    negated, chosen = False, set()
    for kind, value in items:
        match str(kind):
            case "NEGATE":
                negated = True
            case "LITERAL":
                chosen.add(value)
            case "RANGE":
                chosen |= {*range(value[0], value[1] + 1)} & {*ASCII}
            case "CATEGORY":
                name = str(value).removeprefix("CATEGORY_")
                pattern = CATEGORIES[name.removeprefix("NOT_")]
                pattern = pattern.upper() if name.startswith("NOT_") else pattern
                chosen |= {code for code in ASCII if re.match(pattern, chr(code))}
    return {*ASCII} - chosen if negated else chosen & {*ASCII}


def character(code):
    return re.sub(r"[\\^$.|?*+()\[\]{}/-]", r"\\\g<0>", chr(code))


def written_class(codes):
    "A class in the fewest ranges; None if it is empty"
    if not codes:
        return None
    if len(codes) in (1, len(ASCII)):
        return character(*codes) if len(codes) == 1 else r"\S"
    starts = [code for code in sorted(codes) if code - 1 not in codes]
    stops = [code for code in sorted(codes) if code + 1 not in codes]
    ranges = []
    for start, stop in zip(starts, stops):
        dash = "-" if stop > start + 1 else ""
        ranges.append(character(start) + (dash + character(stop)) * (stop > start))
    return f"[{''.join(ranges)}]"


def written(pattern):
    "A parsed pattern for JavaScript; None if no ASCII text matches it"
    parts = [one(str(kind), value) for kind, value in pattern]
    return None if None in parts else "".join(parts)


def one(kind, value):
    match kind:
        case "LITERAL" | "NOT_LITERAL":
            negation = [("NEGATE", None)] if kind == "NOT_LITERAL" else []
            return written_class(in_class([*negation, ("LITERAL", value)]))
        case "IN":
            return written_class(in_class(value))
        case "ANY":
            return r"\S"
        case "AT":
            return {"AT_BEGINNING": "^", "AT_END": "$"}[str(value)]
        case "BRANCH":
            branches = [part for part in map(written, value[1]) if part is not None]
            return f"(?:{'|'.join(dict.fromkeys(branches))})" if branches else None
        case "SUBPATTERN":
            assert not value[1] and not value[2], "a pattern changes its flags within"
            inner = written(value[3])
            return inner and f"(?:{inner})"
        case "ASSERT" | "ASSERT_NOT":
            inner, mark = written(value[1]), "=" if kind == "ASSERT" else "!"
            if inner is None:
                return "" if mark == "!" else None
            return f"(?{'<' * (value[0] < 0)}{mark}{inner})"
        case "MAX_REPEAT" | "MIN_REPEAT":
            least, most, inner = value[0], value[1], written(value[2])
            if inner is None:
                return None if least else ""
            most = "" if most == parser.MAXREPEAT else most
            times = {(0, 1): "?", (0, ""): "*", (1, ""): "+"}.get((least, most))
            times = times or "{" + (f"{least}" if least == most else f"{least},{most}") + "}"
            single = re.fullmatch(r"\\?.|\[(\\.|[^\]\\])*\]|\(\?:[^()]*\)", inner)
            inner = inner if single else f"(?:{inner})"
            return inner + times + "?" * (kind == "MIN_REPEAT")
    raise ValueError(f"a pattern has {kind}, which is not translated yet")


def tables():
    "What the page needs to split text as spaCy does"
    splitter = english_splitter()
    found = {
        "prefix": splitter.prefix_search,
        "suffix": splitter.suffix_search,
        "infix": splitter.infix_finditer,
        "url": splitter.url_match,
    }
    patterns = {name: written(parser.parse(f.__self__.pattern)) for name, f in found.items()}
    assert splitter.token_match is None
    patterns["url"] = f"^(?:{patterns['url']})"  # `match` begins at the beginning
    printable = lambda text: all(ord(character) in ASCII for character in text)
    texts = {rule: [token[ORTH] for token in tokens] for rule, tokens in splitter.rules.items()}
    exceptions = [" ".join(parts) for rule, parts in sorted(texts.items()) if printable(rule)]
    return patterns | {"signs": _SIGNS, "exceptions": exceptions}


if __name__ == "__main__":
    text = json.dumps(tables(), indent=1, ensure_ascii=False) + "\n"
    write_text(Path(__file__).parent / "tables.json", text)
