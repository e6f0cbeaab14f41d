"""The site's own processor. nbdev runs it on each notebook after its own (`procs` in settings.ini), before Quarto.

It turns mentions of notebooks into links and the picture of the map into one that can be clicked, folds plumbing, and mends
what nbdev writes. A development installation (`pip install -e .`) makes it importable."""
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
    r'height="(?P<h>[\d.]+)"[^>]*/><text[^>]*>(?P<label>[^<]*)</text></g>)</a>'
)
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
        self.front_matter()
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

    def mend_output(self, output):
        "No links inside signatures; HTML as Quarto's raw HTML, which brings no scripts from elsewhere"
        data = output.get("data", {})
        source = "".join(data.pop("text/html", ""))
        if source and "text/markdown" not in data:
            fence = "`" * max(3, *(len(run) + 1 for run in re.findall("`+", source) or [""]))
            data["text/markdown"] = [f"{fence}{{=html}}\n", source.strip("\n") + "\n", fence]
        elif "text/markdown" in data:
            lines, fenced = [], False
            for line in "".join(data["text/markdown"]).split("\n"):
                if FENCE.match(line):
                    fenced = not fenced
                elif fenced:
                    line = re.sub(r"\[`([^`]+)`\]\([^)]*\)", r"`\1`", line)
                lines.append(line)
            text = outside_fences(self.link_symbols, "\n".join(lines))
            data["text/markdown"] = text.splitlines(keepends=True)

    def prose(self, text):
        "Links in Markdown that is not code"
        text = MAP.sub(lambda match: self.clickable_map(match[1], match[2]), self.link_symbols(text))
        text = outside_whole(lambda plain: MENTION.sub(self.link_mention, plain), text)
        return re.sub(r"\]\((?![a-z]+:)([^)\s]*)\)", self.link_file, text)

    def link_mention(self, match):
        "`notebook 05`, `notebooks 02 to 04`: a link for each number that is a notebook"
        text, page = match[0], self.page
        if len(re.findall(r"\d\d", text)) == 1:
            target = self.numbers.get(text[-2:])
            label = " ".join(text.split())
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
        It also links names inside of links and alternative texts; here these stay as they were written."""
        text = NESTED.sub(lambda match: "[" + re.sub(r"\[(`[^`]+`)\]\([^)\s]*\)", r"\1", match[1]) + "]", text)
        return SYMBOL.sub(self.link_symbol, text)

    def link_symbol(self, match):
        "One such link, relative, to an anchor that exists"
        name, url, anchor, number = match[1], match[2], match[3], match[4]
        if not url.startswith(self.site):
            return match[0]
        places = self.symbols.get(name.removesuffix("()"), {})
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

    def clickable_map(self, alt, number):
        """The map as HTML, this notebook's box filled, a link over each box. (Quarto's own script ends in an error at a link
        inside an SVG, whose `href` is no text.)"""
        links = []

        def without_link(match):
            target, box, label = match[1], [float(match[name]) for name in ("x", "y", "w", "h")], match["label"]
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
