// Byte-pair encoding of one word, merge after merge. In a pair a blank ends a word.
const names = Object.keys(data.tables), JOINT = "\n";
const ranks = Object.fromEntries(names.map(name =>
  [name, new Map(data.tables[name].map((pair, rank) => [pair.join(JOINT), rank]))]));
let table = names[names.length - 1], rows, shown;

show(`<style>
.stage { display: flex; flex-wrap: wrap; align-items: center; gap: .3rem .15rem; margin: .35rem 0; }
.piece { border: 1px solid; border-radius: 4px; padding: 0 .35rem; white-space: pre;
  font-family: ui-monospace, Menlo, Consolas, monospace; }
.new { background: color-mix(in srgb, var(--accent) 35%, transparent); }
.rank { font-size: .8em; opacity: .8; min-width: 1.2em; text-align: center; }
.rank.best { color: var(--second); font-weight: 700; opacity: 1; }
.why { margin-left: .6rem; font-size: .85em; opacity: .85; }
</style>
<div class="row"><label>a word<input type="text" id="word" maxlength="40" autocomplete="off"
autocapitalize="off" spellcheck="false" value="${escaped(data.word)}"></label></div>
<div class="row" role="group" aria-label="merges of">${names.map(name =>
  `<button class="table" aria-pressed="false">${escaped(name)}</button>`).join("")}</div>
<div id="stages"></div>
<p id="summary" aria-live="polite"></p>
<div class="row"><button id="back">Back</button><button id="next">Next merge</button>
<button id="all">All</button></div>`);

function next_merge(symbols) { // of the neighbours, the pair learned first
  const found = symbols.slice(1).map((s, i) => ranks[table].get(symbols[i] + JOINT + s));
  const known = found.filter(rank => rank !== undefined);
  return { found, best: known.length ? Math.min(...known) : null };
}

function merged(symbols, [left, right]) { // from left to right
  const joined = [], fresh = [];
  for (let i = 0; i < symbols.length; i++) {
    const both = symbols[i] === left && symbols[i + 1] === right;
    fresh.push(both);
    joined.push(both ? left + right : symbols[i]);
    i += both;
  }
  return { symbols: joined, fresh };
}

function restart() {
  const characters = [...$("#word").value.toLowerCase().replace(/\s/g, "")];
  if (characters.length) characters[characters.length - 1] += " ";
  rows = [{ symbols: characters, fresh: [] }];
  for (;;) {
    const last = rows[rows.length - 1];
    Object.assign(last, next_merge(last.symbols));
    if (last.best === null) break;
    rows.push({ ...merged(last.symbols, data.tables[table][last.best]), rank: last.best });
  }
  shown = 1;
  draw();
}

const visible = text => escaped(text.replace(" ", "·"));

function stage(row, last) {
  const why = row.rank === undefined ? "characters"
    : `merge ${row.rank}: ${data.tables[table][row.rank].map(visible).join(" and ")}`;
  const pieces = row.symbols.map((symbol, i) => {
    const rank = last && i ? row.found[i - 1] : undefined;
    const between = !last || !i ? "" :
      `<span class="rank ${rank !== undefined && rank === row.best ? "best" : ""}">${rank ?? "–"}</span>`;
    return `${between}<span class="piece ${row.fresh[i] ? "new" : ""}">${visible(symbol)}</span>`;
  });
  return `<div class="stage">${pieces.join("")}<span class="why">${why}</span></div>`;
}

function draw() {
  $$(".table").forEach((b, i) => b.setAttribute("aria-pressed", names[i] === table));
  $("#stages").innerHTML = rows.slice(0, shown).map((row, i) => stage(row, i === shown - 1)).join("");
  const { symbols, best } = rows[shown - 1], n = symbols.length;
  const end = n > 1 ? "no two neighbours were learned as a pair" : "the word is one piece";
  $("#summary").textContent = !n ? "Type a word." : best !== null
    ? `Next: rank ${best}, the lowest.` : `${n} piece${n > 1 ? "s" : ""}: ${end}.`;
  $("#back").disabled = shown === 1;
  $("#next").disabled = $("#all").disabled = shown === rows.length;
}

on("#word", "input", restart);
on(".table", "click", event => { table = event.target.textContent; restart(); });
on("#back", "click", () => { shown--; draw(); });
on("#next", "click", () => { shown++; draw(); });
on("#all", "click", () => { shown = rows.length; draw(); });
restart();
