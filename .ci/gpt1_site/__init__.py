"""The site's own processor. nbdev runs it on each notebook after its own (`procs` in settings.ini), before Quarto.

It turns mentions of notebooks into links and the picture of the map into one that can be clicked, folds plumbing and
solutions, and mends what nbdev writes. A development installation (`pip install -e .`) makes it importable."""
import ast
import html
import os
import re
from functools import lru_cache
from itertools import takewhile
from pathlib import Path, PurePosixPath

import yaml
from execnb.nbio import mk_cell
from nbdev.config import get_config
from nbdev.process import Processor

# What a link must not be put into: inline code, links and pictures, HTML, formulas, headings
WHOLE = re.compile(
    r"(`+)(?:.|\n)*?\1|!?\[(?:[^\[\]]|\[[^\[\]]*\])*\]\([^)]*\)|<[^>\n]+>|\$\$[^$]*\$\$|\$[^$\n]+\$|^#.*$", re.M
)
MENTION = re.compile(r"\bnotebooks?\s+\d\d\b(?:(?:,\s|\sand\s|\sor\s|\sto\s|,\sand\s)\d\d\b)*", re.I)
SYMBOL = re.compile(r"\[`([^`]+)`\]\(([^)\s#]+)#([^)\s]+)\)(?=(?:\s+of\s+(?:notebook\s+|\[notebook |\[)(\d\d)\b)?)")
NESTED = re.compile(r"\[((?:[^\[\]\n]|\[`[^`]+`\]\([^)\s]*\))+)\](?=\()")
MAP = re.compile(r"\[?!\[([^\]]*)\]\([^)]*images/map\.svg(?:#(\w+))?\)(?:\]\([^)]*\))?")
BOX = re.compile(
    r'<a href="([^"]+)">(?P<box><g id="\w+"[^>]*><rect x="(?P<x>[\d.]+)" y="(?P<y>[\d.]+)" width="(?P<w>[\d.]+)" '
    r'height="(?P<h>[\d.]+)"[^>]*/>(?P<label>(?:<text[^>]*>[^<]*</text>)+)</g>)</a>'
)
SIGNATURE = re.compile(
    r"\A(?P<head>---\n+(?:\[source\]\((?P<url>[^)]*)#L(?P<line>\d+)\).*\n+)?#+ .*\n+)"
    r"```python\n(?P<code>(?:async )?def (?P<name>[\w.]+)\((?:.|\n)*?)\n```"
)
QUOTED = r"'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\""
OTHERS = re.compile(r"(?:['’]s?|their|its|folder|file)(?: own)? $|\.py`, $")  # before a name: it is not ours
FENCE = re.compile(r" *(`{3,}|~{3,})")


def page_of(notebook):
    "The page that nbdev makes of a notebook: `scale/20_files.ipynb` becomes `scale/files.html`"
    path = PurePosixPath(notebook)
    return path.with_name(re.sub(r"^\d+[a-z0-9]*_", "", path.name.lower())).with_suffix(".html").as_posix()


def anchor_of(heading):
    "The anchor that Quarto makes of a heading"
    text = re.sub(r"!?\[([^\]]*)\]\([^)]*\)", r"\1", heading)
    text = "-".join(re.sub(r"[^\w\s.-]", "", text).lower().split())
    return re.sub(r"^[\W\d_]+", "", text)


def relative(target, page):
    "The way from one page to another, both from the top of the site"
    return PurePosixPath(os.path.relpath(target, PurePosixPath(page).parent)).as_posix()


def outside_fences(function, text):
    "The text with a function applied to what is not fenced code"
    parts, fence = [[]], ""
    for line in text.split("\n"):
        mark = FENCE.match(line)
        if not fence and mark:
            parts.append([])  # parts with odd numbers are fenced
            fence = mark[1]
        parts[-1].append(line)
        if fence and not (mark and len(parts[-1]) == 1) and line.strip().startswith(fence):
            parts.append([])
            fence = ""
    return "\n".join(
        "\n".join(part) if at % 2 else function("\n".join(part)) for at, part in enumerate(parts) if part
    )


def outside_whole(function, text):
    "The text with a function applied to its plain prose"
    pieces, start = [], 0
    for match in WHOLE.finditer(text):
        pieces += [function(text[start : match.start()]), match[0]]
        start = match.end()
    return "".join([*pieces, function(text[start:])])


def documented(anchor):
    "The anchor under which a symbol is shown: a method under its class, a private name nowhere"
    return "" if anchor.startswith("_") else anchor.split(".")[0]


def split_outside(text, mark):
    "Parts of code between marks that stand outside of strings and brackets; `<a, b>` is how a parser's option is shown"
    parts, start, depth = [], 0, 0
    for token in re.finditer(rf"{QUOTED}|[\[({{<]|[\])}}>]|{re.escape(mark)}", text):
        if token[0] == mark and not depth:
            parts.append(text[start : token.start()])
            start = token.end()
        elif len(token[0]) == 1:
            depth += (token[0] in "[({<") - (token[0] in "])}>")
    return [*parts, text[start:]]


def short_types(code):
    "Code with the last part of dotted names: `pathlib.Path` becomes `Path`; strings stay"
    return re.sub(rf"({QUOTED})|\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", lambda match: match[1] or "", code)


def parameter(text):
    "A parameter as PEP 8 has it, and the comment that a parser's option brings along"
    name, *kind = split_outside(text.strip(), ":")
    kind, *default = split_outside(":".join(kind), "=") if kind else split_outside(name, "=")
    comment = re.search(r"<(.+)>", kind)
    kind = short_types(re.sub(r"\s*<.+>", "", kind))
    default = re.sub(r"<[^<>]*>", "...", short_types("=".join(default)))
    default = re.sub(r"'([^'\"\\]*)'", r'"\1"', default)
    if ":" not in text.split("=")[0]:
        name, kind = kind, ""
    kind = "" if kind == "NoneType" else kind
    typed = f"{name}: {kind}" if kind else name
    if default:
        typed += f" = {default}" if kind else f"={default}"
    return typed, comment[1] if comment else ""


def keyword_only(lines, number):
    "The first parameter after a bare `*`, which nbdev leaves out, of what a line of a module defines; or None"
    for node in ast.walk(ast.parse("\n".join(lines))):
        if getattr(node, "lineno", None) == number and isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
            if isinstance(node, ast.ClassDef):
                node = next((one for one in node.body if getattr(one, "name", "") == "__init__"), None)
            if node and node.args.kwonlyargs and not node.args.vararg:
                return node.args.kwonlyargs[0].arg


def signature(code, base=None, keyword=None):
    """nbdev's signature, one parameter a line once it does not fit on one, with short types. With a base, it is a class's;
    one without parameters of its own is shown with its bases. A bare `*` stands before `keyword`."""
    lines = code.split("\n")
    first = lines[0].index("(")
    start, end = lines[0][: first + 1], re.search(r"\)(?:->(?P<kind>.*?))?:(?: # (?P<doc>.*))?$", lines[-1])
    if not end or (len(lines) > 1 and not lines[-1].startswith(")")):
        return code
    inside = lines[1:-1] if len(lines) > 1 else [lines[0][first + 1 : len(lines[0]) - len(end[0])]]
    rows = []
    for line in inside:
        line, *comment = split_outside(line.strip(), " # ")
        found = [parameter(part) for part in split_outside(line, ",") if part.strip()]
        if comment and found:
            found[-1] = found[-1][0], " # ".join(comment)
        rows += found
    for at, (name, _) in enumerate(rows):
        if keyword and re.match(rf"{keyword}\b", name) and ("*", "") not in rows:
            rows.insert(at, ("*", ""))
            break
    kind = f" -> {short_types(end['kind'])}" if end["kind"] and not base else ""
    doc = f"  # {end['doc']}" if end["doc"] else ""
    if base:
        start = start.replace("def ", "class ", 1)
        if [name for name, _ in rows] == ["*args", "**kwargs"]:
            return f"{start}{base}):" if base != "object" else f"{start[:-1]}:"
    whole = f"{start}{', '.join(name for name, _ in rows)}){kind}:{doc}"
    if not any(comment for _, comment in rows) and len(whole) <= 88:
        return whole
    rows = [f"    {name}," + (f"  # {comment}" if comment else "") for name, comment in rows]
    return "\n".join([start, *rows, f"){kind}:{doc}"])


@lru_cache
def book():
    "From numbers to notebooks, from symbols to the pages and anchors of each module, and the map"
    config = get_config()
    folder = config.nbs_path
    paths = [path.relative_to(folder).as_posix() for path in sorted(folder.rglob("[0-9][0-9]_*.ipynb"))]
    numbers = {Path(path).name[:2]: path for path in paths if path.split("/")[0] in (path, "scale")}
    index = {}
    exec((config.lib_path / "_modidx.py").read_text(encoding="utf8"), index)
    symbols = {}
    for module, names in index["d"]["syms"].items():
        for name, (place, _) in names.items():
            name = name.removeprefix(f"{module}.")
            page, anchor = place.split("#")
            symbols.setdefault(name, {})[module] = page, documented(anchor)
    return numbers, symbols, (folder / "images" / "map.svg").read_text(encoding="utf8")


class Site(Processor):
    "What the site needs beside nbdev's own processors"

    def begin(self):
        config = get_config()
        self.notebook = Path(self.nb.path_).resolve().relative_to(config.nbs_path.resolve()).as_posix()
        self.page = page_of(self.notebook)
        self.site = f"{config.doc_host}{config.doc_baseurl}/"
        self.github = f"{config.git_url}/blob/{config.branch}/"
        self.numbers, self.symbols, self.map = book()
        cells = [cell for cell in self.nb.cells if cell.cell_type == "code"]
        self.imports = {
            name.name: node.module
            for cell in cells
            for node in ast.walk(ast.parse(self.code(cell)))
            if isinstance(node, ast.ImportFrom)
            for name in node.names
        }
        prose = "\n".join(cell.source for cell in self.nb.cells if cell.cell_type == "markdown")
        dotted = {name for name in re.findall(r"`([\w.]+\.\w+)(?:\(\))?`", prose) if name in self.symbols}
        self.methods = {name.split(".")[-1] for name in dotted}
        self.front_matter()
        self.order_docs()
        self.wrap_solutions()
        self.nb.metadata.pop("widgets", None)  # with it, Quarto loads scripts from elsewhere
        if self.notebook == config.readme_nb:  # so that nbdev_docs does not write it anew: .ci/readme does
            os.utime(config.config_path / "README.md")

    @staticmethod
    def code(cell):
        "A cell's Python, or nothing where it is not Python"
        try:
            ast.parse(cell.source)
            return cell.source
        except SyntaxError:
            return ""

    def front_matter(self):
        "The number before the title; links to the notebook below it"
        head = self.nb.cells[0]
        fields = yaml.safe_load(head.source.strip().strip("-")) if head.cell_type == "raw" else None
        if not fields or "title" not in fields:
            return
        number = re.match(r"\d\d(?=_)", Path(self.notebook).name)
        if number:
            fields["title"] = f"{number[0]} {fields['title']}"
        head.source = f"---\n{yaml.safe_dump(fields, allow_unicode=True)}---\n"
        path = f"{get_config().nbs_path.name}/{self.notebook}"
        colab = self.github.replace("https://github.com/", "https://colab.research.google.com/github/")
        links = f"[Open in Colab]({colab}{path}) · [Notebook on GitHub]({self.github}{path})"
        self.nb.cells.insert(1, mk_cell(f"::: {{.notebook-links}}\n{links}\n:::", "markdown"))

    def order_docs(self):
        "nbdev puts the last of a cell's functions first, and one of them before the cell; here all stand before it"
        cells, run = [], []
        for cell in [*self.nb.cells, None]:
            exported = "exports" in getattr(cell, "directives_", {}) or getattr(cell, "has_sd", False)
            if exported and cell.cell_type == "code":
                run.append(cell)
            else:
                cells += [*self.ordered(run), *[cell] * bool(cell)]
                run = []
        self.nb.cells = cells

    def ordered(self, run):
        "Cells by the line in the module of what they document or, just below that, define"
        texts = ["".join(output.get("data", {}).get("text/markdown", "")) for cell in run for output in cell.outputs]
        sources = [match for match in map(SIGNATURE.match, texts) if match and match["url"]]
        if len(run) < 2 or not sources:
            return run
        module = self.module(sources[0]["url"])

        def line_of(cell):
            shown = re.search(r"^show_doc\((\w+)", cell.source, re.M)
            tree = ast.parse(self.code(cell)).body
            names = [shown[1]] if shown else [node.name for node in tree if hasattr(node, "name")]
            pattern = rf"^(?:async )?(?:def|class) (?:{'|'.join(names)})\b"
            lines = [at for at, line in enumerate(module) if names and re.match(pattern, line)]
            return max(lines, default=len(module)), not shown

        return sorted(run, key=line_of)

    def module(self, url):
        "The lines of a module, by its address on GitHub"
        path = get_config().config_path / url.removeprefix(self.github)
        return path.read_text(encoding="utf8").split("\n")

    def wrap_solutions(self):
        "A solution is folded with all that follows it up to the next heading"
        cells, is_open = [], False
        end = lambda: mk_cell("```{=html}\n</details>\n```", "markdown")
        begin = lambda: mk_cell(
            '```{=html}\n<details class="solution">\n<summary>Solution</summary>\n```', "markdown"
        )
        for cell in self.nb.cells:
            if cell.cell_type == "code" and '#| code-summary: "Solution"' in cell.source:
                cells += [begin()] * (not is_open)
                is_open = True
                cell.source = re.sub(r"^#\| code-(?:fold|summary):.*\n", "", cell.source, flags=re.M)
                cell.metadata.get("jupyter", {}).pop("source_hidden", None)
            elif is_open and cell.cell_type == "markdown":
                heading = re.search(r"^#{1,6} ", cell.source, re.M)
                if heading:
                    answer, cell.source = cell.source[: heading.start()].strip(), cell.source[heading.start() :]
                    cells += [mk_cell(answer, "markdown")] * bool(answer) + [end()]
                    is_open = False
            cells.append(cell)
        self.nb.cells = cells + [end()] * is_open

    def cell(self, cell):
        if cell.cell_type == "markdown":
            cell.source = outside_fences(self.prose, cell.source)
            cell.source = re.sub(r"^```(mermaid|dot)$", r"```{\1}", cell.source, flags=re.M)
        elif cell.cell_type == "code":
            self.fold(cell)
            for output in cell.get("outputs", []):
                self.mend_output(output)

    def fold(self, cell):
        "Fold imports and what is folded in JupyterLab; no option twice, which Quarto refuses"
        lines = cell.source.split("\n")
        options = list(takewhile(lambda line: line.startswith("#|"), lines))
        code = "\n".join(lines[len(options) :])
        own = {line.split(":")[0]: line for line in options}  # the notebook's come after nbdev's
        tree = ast.parse(self.code(cell)).body
        summary = None
        if tree and all(isinstance(node, (ast.Import, ast.ImportFrom)) for node in tree):
            summary = "Imports"
        elif cell.metadata.get("jupyter", {}).get("source_hidden") and "#| code-fold" not in own:
            summary = "Code"
        if summary and "#| echo" not in own:
            own |= {
                "#| code-fold": "#| code-fold: true",
                "#| code-summary": f'#| code-summary: "{summary}"',
            }
        if own:
            cell.source = "\n".join([*own.values(), code])

    def end(self):
        "Imports that follow one another are one fold"
        head = '#| code-fold: true\n#| code-summary: "Imports"\n'
        cells = []
        for cell in self.nb.cells:
            is_fold = cell.cell_type == "code" and cell.source.startswith(head) and not cell.get("outputs")
            if is_fold and cells and cells[-1].source.startswith(head):
                cells[-1].source += "\n\n" + cell.source.removeprefix(head)
            else:
                cells.append(cell)
        self.nb.cells = cells

    def mend_output(self, output):
        "No links inside signatures; HTML as Quarto's raw HTML, which brings no scripts from elsewhere"
        data = output.get("data", {})
        source = "".join(data.pop("text/html", ""))
        if source and "text/markdown" not in data:
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", source) or [""]))
            data["text/markdown"] = [f"{fence}{{=html}}\n", source.strip("\n") + "\n", fence]
        elif "text/markdown" in data:
            lines, fenced = [], False
            text = "".join(data["text/markdown"])
            if match := SIGNATURE.match(text):  # what comes after it is a docstring, in which -- is no dash
                docstring = re.sub(r"(?<!\S)--(?=\w)", r"\\-\\-", text[match.end() :])
                text = self.mend_signature(match) + docstring
                if match["name"].endswith(".__call__"):  # an object: what is said is said of its class, elsewhere
                    text = match["head"]
            for line in text.split("\n"):
                if FENCE.match(line):
                    fenced = not fenced
                elif fenced:
                    line = re.sub(r"\[`([^`]+)`\]\([^)]*\)", r"`\1`", line)
                lines.append(line)
            text = outside_fences(self.link_symbols, "\n".join(lines))
            data["text/markdown"] = text.splitlines(keepends=True)

    def mend_signature(self, match):
        "The signature of what `show_doc` shows; a class, by its line in the module, is called one"
        base = keyword = None
        if match["url"]:
            lines, first = self.module(match["url"]), int(match["line"])
            for number, line in enumerate(lines[first - 1 :], first):
                if definition := re.match(r"\s*(?:async )?(def|class) \w+(?:\((.*)\))?", line):
                    base = (definition[2] or "object") if definition[1] == "class" else None
                    keyword = keyword_only(lines, number)
                    break
        return f"{match['head']}```python\n{signature(match['code'], base, keyword)}\n```"

    def prose(self, text):
        "Links in Markdown that is not code"
        text = MAP.sub(lambda match: self.clickable_map(match[1], match[2]), self.link_symbols(text))
        text = re.sub(r"\[([Nn]otebook) (\d\d)\](?=\()", "[\\1\u00a0\\2]", text)
        text = outside_whole(lambda plain: MENTION.sub(self.link_mention, plain), text)
        return re.sub(r"\]\((?![a-z]+:)([^)\s]*)\)", self.link_file, text)

    def link_mention(self, match):
        "`notebook 05`, `notebooks 02 to 04`: a link for each number that is a notebook"
        text, page = match[0], self.page
        if len(re.findall(r"\d\d", text)) == 1:
            target = self.numbers.get(text[-2:])
            label = "\u00a0".join(text.split())
            return f"[{label}]({relative(page_of(target), page)})" if target else text
        return re.sub(
            r"\d\d",
            lambda number: f"[{number[0]}]({relative(page_of(self.numbers[number[0]]), page)})"
            if number[0] in self.numbers
            else number[0],
            text,
        )

    def link_file(self, match):
        "Tests are not on the site, so links to them lead to GitHub; anchors as Quarto spells them"
        target, _, anchor = match[1].partition("#")
        anchor = f"#{anchor if anchor.islower() else anchor_of(anchor)}" if anchor else ""
        path = os.path.normpath(PurePosixPath(self.notebook).parent / target).replace(os.sep, "/")
        if path.startswith(("tests/", "../")):
            root = os.path.normpath(f"{get_config().nbs_path.name}/{path}").replace(os.sep, "/")
            return f"]({self.github}{root})"
        if target.endswith(".svg") or not (anchor or target.endswith(".ipynb")):
            return match[0]
        return f"]({target}{anchor})"

    def link_symbols(self, text):
        """nbdev takes the first module that has a name; here this page's, or the one meant or imported.
        It also links names inside of links, alternative texts and headings; here these stay as they were written."""
        text = NESTED.sub(lambda match: "[" + re.sub(r"\[(`[^`]+`)\]\([^)\s]*\)", r"\1", match[1]) + "]", text)
        text = re.sub(r"^#+ .*$", lambda match: re.sub(r"\[(`[^`]+`)\]\([^)\s]*\)", r"\1", match[0]), text, flags=re.M)
        return SYMBOL.sub(self.link_symbol, text)

    def link_symbol(self, match):
        "One such link, relative, to an anchor that exists"
        name, url, anchor, number = match[1], match[2], match[3], match[4]
        if not url.startswith(self.site):
            return match[0]
        places = self.symbols.get(name.removesuffix("()"), {})
        if not self.is_meant(name.removesuffix("()"), match, places):
            return f"`{name}`"
        by_page = {page: (page, anchor) for page, anchor in places.values()}
        meant = page_of(self.numbers[number]) if number in self.numbers else None
        imported = places.get(self.imports.get(name.split(".")[0].removesuffix("()")))
        page, anchor = (
            by_page.get(meant)
            or by_page.get(self.page)
            or imported
            or by_page.get(url.removeprefix(self.site))
            or (url.removeprefix(self.site), documented(anchor))
        )
        target = "" if page == self.page else relative(page, self.page)
        anchor = f"#{anchor}" if anchor else ""
        return f"[`{name}`]({target + anchor})" if target + anchor else f"`{name}`"

    def is_meant(self, name, match, places):
        "Whether our symbol is meant, not another's of this name, nor a method of a class that is made or imported here"
        before, after = match.string[: match.start()], match.string[match.end() :]
        if name.startswith("_") or OTHERS.search(before) or after.startswith(" of `") or self.is_reference(before):
            return False
        own = any(page == self.page for page, _ in places.values())
        if own or "." in name or match[4] or self.imports.get(name) in places:
            return True
        return name not in self.methods and not any(
            page == self.page or self.imports.get(other.split(".")[0]) == module
            for other, pages in self.symbols.items()
            if other.endswith(f".{name}")
            for module, (page, _) in pages.items()
        )

    @staticmethod
    def is_reference(before):
        "Whether this is below the heading `References`, in a list of what others wrote"
        headings = re.findall(r"^#+ (.*)$", before, re.M)
        return bool(headings) and headings[-1].strip() == "References"

    def clickable_map(self, alt, number):
        """The map as HTML, this notebook's box filled, a link over each box. (Quarto's own script ends in an error at a link
        inside an SVG, whose `href` is no text.)"""
        links = []

        def without_link(match):
            target, box = match[1], [float(match[name]) for name in ("x", "y", "w", "h")]
            label = " ".join(re.findall(">([^<]+)<", match["label"]))
            whole = [width, height, width, height]
            place = zip(("left", "top", "width", "height"), box, whole)
            style = ";".join(f"{side}:{100 * size / of:.2f}%" for side, size, of in place)
            links.append(f'<a href="{target}" style="{style}" aria-label="{label}"></a>')
            return match["box"]

        drawing = self.map.replace(self.site, relative("index.html", self.page).removesuffix("index.html"))
        width, height = map(float, re.search(r'viewBox="0 0 (\S+) (\S+)"', drawing).groups())
        drawing = BOX.sub(without_link, drawing).replace(f'<g id="{number}"', f'<g id="{number}" class="here"')
        drawing = re.sub(r'\bid="(\w+)"', r'id="map-\1"', drawing).replace(' role="img"', ' aria-hidden="true"', 1)
        inside = "\n".join([drawing.strip(), *links])
        return f'\n```{{=html}}\n<nav class="book-map" aria-label="{html.escape(alt)}">\n{inside}\n</nav>\n```\n'
