// The small network and its tokenizer, whole: text in, attention and the next token out.
// With `starts` only these sentences, which it continues.
const { tables, starts } = data, END = "</w>", UNKNOWN = "<unk>", MEGABYTES = 2.4;
const address = "https://raw.githubusercontent.com/gpt1/gpt1/main/nbs/network/";

// The tokenizer: as `BPETokenizer.encode`, for printable ASCII and line breaks

const [prefix, suffix, infix, url] = ["prefix", "suffix", "infix", "url"].map(
  name => new RegExp(tables[name], name === "infix" ? "g" : ""));
const specials = new Map(tables.exceptions.map(e => [e.replaceAll(" ", ""), e.split(" ")]));
const split = new Map(); // exceptions, by the tokens that the rules make of them
const length_of = (pattern, text) => (pattern.exec(text) || [""])[0].length;

function split_infixes(text) {
  const parts = [];
  let start = 0;
  for (const { 0: sign, index } of text.matchAll(infix)) {
    if (!index) continue;
    if (index > start) parts.push(text.slice(start, index));
    parts.push(sign);
    start = index + sign.length;
  }
  return start < text.length ? [...parts, text.slice(start)] : parts;
}

function split_chunk(text, exceptions) { // without white space; as spaCy's `Tokenizer`
  const before = [], after = [], special = part => exceptions && part && specials.get(part);
  for (let last; text && text.length !== last && !special(text);) {
    last = text.length;
    const p = length_of(prefix, text), front = text.slice(0, p);
    if (p && special(text.slice(p))) {
      before.push(front);
      text = text.slice(p);
      break;
    }
    const end = last - length_of(suffix, text.slice(p)), back = text.slice(end);
    if (back && special(text.slice(0, end))) {
      after.unshift(back);
      text = text.slice(0, end);
      break;
    }
    if (front) before.push(front);
    if (back) after.unshift(back);
    text = text.slice(p, end);
  }
  const middle = special(text) || (url.test(text) ? [text] : split_infixes(text));
  return [...before, ...middle, ...after];
}

for (const text of specials.keys()) // the others are found whole, or not at all
  if ([prefix, suffix, infix].some(pattern => text.search(pattern) >= 0))
    split.set(split_chunk(text, false).join("\n"), text);
const longest = Math.max(...[...split.keys()].map(key => key.split("\n").length));

function join_exceptions(tokens, ends) { // those that the rules have split; ends of chunks
  const spans = [], taken = new Set(), chosen = new Map();
  for (let size = longest; size; size--)
    for (let i = 0; i + size <= tokens.length; i++)
      if (split.has(tokens.slice(i, i + size).join("\n"))) spans.push([i, i + size]);
  for (const [start, stop] of spans) { // the longest first
    if (!taken.has(start) && !taken.has(stop - 1)) chosen.set(start, stop);
    for (let i = start; i < stop; i++) taken.add(i);
  }
  const joined = [];
  for (let i = 0, stop; i < tokens.length; i = stop) {
    stop = chosen.get(i) || i + 1;
    let whole = tokens.slice(i, stop);
    if (chosen.has(i) && !whole.slice(1).some((_, j) => ends.has(i + j)))
      whole = specials.get(whole.join(""));
    joined.push(...whole);
  }
  return joined;
}

const plain = text => text.replace(/\r\n?/g, "\n").replace(/[^ -~]/g, c => tables.signs[c] || c);

function foreign(text) { // what cannot be read here; "" if there is none
  const entity = plain(text).match(/&#?[0-9A-Za-z]{1,24};/); // which Python decodes
  const others = new Set(plain(text).replace(/[ -~\n\t]/g, ""));
  return entity ? entity[0] : [...others].slice(0, 5).join(" ");
}

function standardise(text) {
  return plain(text).replace(/([-~!";?+,)(/*[\]}{|_])\1*/g, " $& ")
    .replace(/[^\S\n]+/g, " ").replace(/\s*\n\s*/g, " \n ").trim();
}

function words(text) {
  const tokens = [], ends = new Set();
  for (const chunk of standardise(text).split(" ")) {
    tokens.push(...chunk === "\n" ? [chunk] : split_chunk(chunk, true));
    ends.add(tokens.length - 1);
  }
  return join_exceptions(tokens, ends).map(token => token.toLowerCase());
}

function make_tokenizer(vocabulary, merges) {
  const ranks = new Map(merges.split("\n").filter(line => line && !line.startsWith("#version"))
    .map((pair, rank) => [pair, rank]));
  const pieces = [], merges_of = [...ranks.keys()].map(pair => pair.replace(" ", ""));
  for (const [piece, id] of Object.entries(vocabulary)) pieces[id] = piece;
  function pieces_of(word) {
    const symbols = [...word];
    symbols[symbols.length - 1] += END;
    for (;;) {
      const found = symbols.slice(1).map((s, i) => ranks.get(`${symbols[i]} ${s}`) ?? Infinity);
      const best = Math.min(...found);
      if (best === Infinity) return symbols;
      symbols.splice(found.indexOf(best), 2, merges_of[best]);
    }
  }
  const encode = text => words(text).flatMap(pieces_of).map(p => vocabulary[p] ?? vocabulary[UNKNOWN]);
  const decode = ids => ids.map(id => pieces[id]).join("").replaceAll(END, " ").replace(/ ?\n /g, "\n");
  return { pieces, encode, decode };
}

// The network: as `GPT.hidden_states`, one token after the other

function unpack(buffer) { // safetensors: int8 matrices with a scale for each row, float32 vectors
  const size = Number(new DataView(buffer).getBigUint64(0, true)), weights = {}, shapes = {};
  const header = JSON.parse(new TextDecoder().decode(new Uint8Array(buffer, 8, size)));
  delete header.__metadata__;
  for (const [name, { dtype, shape, data_offsets: [start, stop] }] of Object.entries(header)) {
    const types = { I8: Int8Array, F32: Float32Array };
    weights[name] = new types[dtype](buffer.slice(8 + size + start, 8 + size + stop));
    shapes[name] = shape;
  }
  for (const name in weights) {
    const scales = weights[`${name}.scale`], columns = shapes[name][1];
    if (scales) weights[name] = Float32Array.from(weights[name],
      (w, i) => w * scales[Math.floor(i / columns)]);
  }
  return weights;
}

function make_network(weights, { width: C, heads: H, layers: L, context, vocab_size: V }) {
  const d = C / H, tokens = weights["token_embedding.weight"];

  function multiply(matrix, x, bias) { // a row for each output
    const y = new Float32Array(matrix.length / x.length);
    for (let i = 0, at = 0; i < y.length; i++) {
      let sum = bias ? bias[i] : 0;
      for (let j = 0; j < x.length; j++) sum += matrix[at++] * x[j];
      y[i] = sum;
    }
    return y;
  }
  const linear = (name, x) => multiply(weights[`${name}.weight`], x, weights[`${name}.bias`]);

  function add_norm(name, x, y) { // layer norm of the sum
    const sum = x.map((v, i) => v + y[i]), mean = sum.reduce((a, v) => a + v, 0) / C;
    const deviation = Math.sqrt(sum.reduce((a, v) => a + (v - mean) ** 2, 0) / C + 1e-5);
    const [scale, shift] = [weights[`${name}.weight`], weights[`${name}.bias`]];
    return sum.map((v, i) => (v - mean) / deviation * scale[i] + shift[i]);
  }

  const gelu = x => x / 2 * (1 + Math.tanh(Math.sqrt(2 / Math.PI) * (x + 0.044715 * x ** 3)));

  function read(ids = []) { // a text that grows; keys and values of what was read are kept
    const self = { ids: [], maps: Array.from({ length: L }, () => Array.from({ length: H }, () => [])) };
    const [keys, values] = [1, 2].map(() => Array.from({ length: L }, () => []));
    const hidden = [];

    function attend(layer, qkv) {
      const y = new Float32Array(C);
      keys[layer].push(qkv.slice(C, 2 * C));
      values[layer].push(qkv.slice(2 * C));
      for (let h = 0; h < H; h++) {
        const [start, stop] = [h * d, h * d + d];
        const scores = keys[layer].map(key => {
          let sum = 0;
          for (let i = start; i < stop; i++) sum += qkv[i] * key[i];
          return sum / Math.sqrt(d);
        });
        const row = softmax(scores);
        self.maps[layer][h].push(row);
        row.forEach((weight, t) => {
          const value = values[layer][t];
          for (let i = start; i < stop; i++) y[i] += weight * value[i];
        });
      }
      return y;
    }

    self.append = id => {
      const t = self.ids.push(id) - 1, positions = weights["position_embedding.weight"];
      let x = tokens.slice(id * C, id * C + C).map((v, i) => v + positions[t * C + i]);
      for (let layer = 0; layer < L; layer++) {
        const block = `blocks.${layer}`;
        const y = attend(layer, linear(`${block}.attention.qkv`, x));
        const n = add_norm(`${block}.ln_1`, x, linear(`${block}.attention.projection`, y));
        const inner = linear(`${block}.mlp.expand`, n).map(gelu);
        x = add_norm(`${block}.ln_2`, n, linear(`${block}.mlp.contract`, inner));
      }
      hidden.push(x);
    };
    self.logits = t => multiply(tokens, hidden[t]);
    ids.slice(-context).forEach(self.append);
    return self;
  }
  return { read, context, size: V, layers: L, heads: H };
}

function softmax(scores, temperature = 1) { // temperature 0: all for the first of the largest
  const top = scores.reduce((a, b) => Math.max(a, b)), first = scores.indexOf(top);
  const powers = Array.from(scores, (z, i) =>
    temperature ? Math.exp((z - top) / temperature) : Number(i === first));
  const total = powers.reduce((a, b) => a + b);
  return powers.map(p => p / total);
}

const order = p => [...p.keys()].sort((a, b) => p[b] - p[a]); // of equals, the lower id first

function distribution(logits, temperature, k) {
  const p = softmax(logits, temperature);
  order(p).slice(k).forEach(i => { p[i] = 0; });
  const total = p.reduce((a, b) => a + b);
  return p.map(x => x / total);
}

function draw(p) {
  let u = Math.random();
  const token = p.findIndex(x => (u -= x) < 0);
  return token < 0 ? order(p)[0] : token;
}

// The page

function beside() { // the folder beside this page; in Jupyter beside the notebook
  const jupyter = /^(.*?)\/(?:lab(?:\/workspaces\/[^/]*)?\/tree|notebooks)\/(.*\/)?/.exec(location.pathname);
  const folder = jupyter ? `${jupyter[1]}/files/${jupyter[2] || ""}` : "";
  return new URL(`${folder}network/`, location.href).href;
}

const LENGTH = 40, BARS = 8, pause = () => new Promise(done => setTimeout(done));
let network, tokenizer, reader, ids = [], prompt = 0, chosen = 0, running = false;

async function load_from(place) {
  const get = async (name, form) => {
    const answer = await fetch(new URL(name, place));
    if (!answer.ok) throw Error(`${name}: ${answer.status}`);
    return answer[form]();
  };
  const names = ["network.safetensors", "network.json", "tokenizer/vocab.json", "tokenizer/merges.txt"];
  const forms = ["arrayBuffer", "json", "json", "text"];
  const [buffer, facts, ...files] = await Promise.all(names.map((name, i) => get(name, forms[i])));
  tokenizer = make_tokenizer(...files);
  network = make_network(unpack(buffer), facts.sizes);
}

let loading;
function load() { // once; true if it is there
  return loading ??= (async () => {
    let why;
    for (const place of [beside(), address]) {
      $("#status").textContent = "Loading …";
      try {
        await load_from(place);
        $("#status").textContent = "";
        return true;
      } catch (error) { why = error.message; }
    }
    $("#status").textContent = `The network could not be loaded, neither from beside this page nor from
${new URL(address).host} (${why}). A page that was opened as a file cannot read other files: open it in
JupyterLab or through a server, or try again with a network connection.`;
    loading = undefined;
    return false;
  })();
}

function start(new_ids) {
  running = false;
  ids = [...new_ids];
  prompt = ids.length;
  reader = network.read(ids);
}

function extend(id) {
  ids.push(id);
  if (reader.ids.length < network.context) reader.append(id);
  else reader = network.read(ids);
}

let turn = 0;
async function write(length, temperature, k, after) {
  const own = ++turn;
  running = true;
  for (; length && running && own === turn; length--) {
    extend(draw(distribution(reader.logits(reader.ids.length - 1), temperature(), k())));
    after();
    await pause();
  }
  if (own === turn) { running = false; after(); }
}

const written = () => `${escaped(tokenizer.decode(ids.slice(0, prompt)))}<b id="new">${
  escaped(tokenizer.decode(ids.slice(prompt)))}</b>`;
const visible = id => escaped(tokenizer.pieces[id].replace(END, "·").replace("\n", "↵"));
host.network = { load, words, foreign, encode: text => tokenizer.encode(text),
  read: ids => network.read(ids), ids: () => ids };

const COMMON = `<style>
#written { white-space: pre-wrap; overflow-wrap: anywhere; min-height: 1.4em; }
#written b { color: var(--accent); font-weight: 600; }
textarea { width: 100%; font: inherit; color: inherit; background: none; border: 1px solid;
  border-radius: 4px; padding: .25rem .5rem; resize: vertical; }
.tokens { display: flex; flex-wrap: wrap; gap: .25rem; margin: .6rem 0; max-height: 17rem; overflow-y: auto; }
.tokens button { display: flex; flex-direction: column; align-items: center; padding: .1rem .35rem;
  background: none; border: 2px solid var(--faint); min-width: 2.7rem; }
.tokens button[aria-pressed=true] { border-color: currentColor; }
.tokens .new .token { color: var(--accent); font-weight: 600; }
.tokens small, .bars .number { font-variant-numeric: tabular-nums; font-size: .78em; opacity: .9; }
#load { margin-bottom: .6rem; }
.future .token { opacity: .7; }
.bars { display: grid; grid-template-columns: max-content 1fr max-content; gap: .15rem .6rem;
  align-items: center; }
.bars .token { text-align: right; white-space: pre; }
.bars i { display: block; height: .8rem; min-width: 1px; background: var(--accent); border-radius: 2px; }
.bars .next { font-weight: 700; text-decoration: underline; }
</style>`;

if (starts) {
  show(`${COMMON}<p>A small network that has read novels writes, in this page. Choose a beginning
(the first time, ${MEGABYTES} MB are loaded):</p>
<div class="row">${starts.map(text => `<button class="start">${escaped(text)} …</button>`).join("")}</div>
<p id="written" hidden></p><p id="status" role="status"></p>
<div class="row"><button id="stop" hidden>Stop</button></div>`);
  const after = () => {
    $("#written").innerHTML = written();
    $("#written").hidden = false;
    $("#stop").hidden = !running;
  };
  $$(".start").forEach((button, i) => button.addEventListener("click", async () => {
    if (!await load()) return;
    start(tokenizer.encode(starts[i]));
    await write(LENGTH, () => 0.8, () => 40, after);
  }));
  on("#stop", "click", () => { running = false; });
} else {
  show(`${COMMON}<div id="before"><button id="load">Load the network (${MEGABYTES} MB)</button><slot></slot></div>
<p id="status" role="status"></p>
<div id="live" hidden>
<label>a text<textarea id="text" rows="2" maxlength="1000" autocapitalize="off" spellcheck="false">${
  escaped(data.text)}</textarea></label>
<p id="note" role="status"></p>
<div class="tokens" role="group" aria-label="tokens, ids, weights"></div>
<div class="row"><label>block<select id="block"></select></label><label>head<select id="head"></select></label></div>
<p id="summary"></p>
<div class="bars"></div>
<div class="row"><label>temperature <output id="t"></output><input type="range" id="temperature" min="0" max="2"
step="0.05" value="0.8"></label><label>top-k<input type="number" id="k" min="1" value="40"></label></div>
<div class="row"><button id="write">Write ${LENGTH} tokens</button><button id="one">One</button><button
id="back">Back</button></div>
<p id="written"></p></div>`);

  const temperature = () => +$("#temperature").value;
  const k = () => Math.max(1, Math.floor(+$("#k").value) || network.size);
  const mix = share => `color-mix(in srgb, var(--accent) ${(45 * share).toFixed(1)}%, transparent)`;

  function draw_tokens() {
    const first = ids.length - reader.ids.length;
    $(".tokens").innerHTML = reader.ids.map((id, t) => `<button data-t="${t}" class="${
      first + t < prompt ? "" : "new"}"><span class="token">${visible(id)}</span><small class="id">${id}</small>
<small class="weight"></small></button>`).join("");
    choose(reader.ids.length - 1);
    $(".tokens").scrollTop = running ? 1e6 : 0;
    $("#written").innerHTML = ids.length > prompt ? written() : "";
    $("#write").textContent = running ? "Stop" : `Write ${LENGTH} tokens`;
    $("#write").disabled = $("#one").disabled = !ids.length;
  }

  function choose(t) { chosen = t; look(t); }

  function look(t) {
    $("#t").value = temperature().toFixed(2);
    if (t < 0) { $("#summary").innerHTML = $(".bars").innerHTML = ""; return; }
    const [block, head] = [+$("#block").value, +$("#head").value], row = reader.maps[block][head][t];
    const most = row.indexOf(Math.max(...row)), next = reader.ids[t + 1];
    $$(".tokens button").forEach((button, s) => {
      button.setAttribute("aria-pressed", s === t);
      button.tabIndex = s === chosen ? 0 : -1;
      button.classList.toggle("future", s > t);
      button.style.background = s > t ? "" : mix(row[s] / row[most]);
      button.lastElementChild.textContent = s > t ? "–" : row[s].toFixed(3);
    });
    $("#summary").innerHTML = `<b>${visible(reader.ids[t])}</b> looks most at
<b>${visible(reader.ids[most])}</b>, with a weight of ${row[most].toFixed(3)}. What may come next${
  next === undefined ? "" : ` (underlined: what does)`}:`;
    const p = distribution(reader.logits(t), temperature(), k()), ranked = order(p).slice(0, BARS);
    $(".bars").innerHTML = ranked.map(id => `<span class="token ${id === next ? "next" : ""}">${visible(id)}</span>
<i style="width:${(100 * p[id] / p[ranked[0]]).toFixed(1)}%"></i><span class="number">${p[id].toFixed(4)}</span>`).join("");
  }

  function read_text() {
    const text = $("#text").value, beyond = foreign(text), all = beyond ? [] : tokenizer.encode(text);
    const cut = all.length - network.context;
    $("#note").textContent = beyond ? `${beyond}: this page reads printable ASCII, quotes and dashes alone;
the Python tokenizer reads more.` : !all.length ? "Type a text."
      : cut > 0 ? `${all.length} tokens; the network reads the last ${network.context}.` : "";
    start(all);
    draw_tokens();
  }

  on("#load", "click", async () => {
    $("#load").disabled = true;
    const there = await load();
    $("#load").disabled = false;
    if (!there) return;
    [["#block", network.layers], ["#head", network.heads]].forEach(([selector, n]) => {
      $(selector).innerHTML = [...Array(n).keys()].map(i => `<option value="${i}">${i + 1}</option>`).join("");
    });
    $("#k").max = network.size;
    $("#before").hidden = true;
    $("#live").hidden = false;
    read_text();
    $(".tokens [tabindex='0']").focus();
  });
  on("#text", "input", read_text);
  on("select, #temperature, #k", "input", () => look(chosen));
  const at = event => event.target.closest("[data-t]");
  on(".tokens", "click", event => at(event) && choose(+at(event).dataset.t));
  on(".tokens", "focusin", event => at(event) && choose(+at(event).dataset.t));
  on(".tokens", "pointerover", event => {
    if (event.pointerType === "mouse" && at(event) && !running) look(+at(event).dataset.t);
  });
  on(".tokens", "pointerleave", () => running || look(chosen));
  on(".tokens", "keydown", event => { // arrows move along the text
    const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
    const next = step && $$(".tokens button")[chosen + step];
    if (next) { event.preventDefault(); next.focus(); }
  });
  on("#write", "click", () => {
    if (running) running = false;
    else write(LENGTH, temperature, k, draw_tokens);
  });
  on("#one", "click", () => running || write(1, temperature, k, draw_tokens));
  on("#back", "click", () => { start(ids.slice(0, prompt)); draw_tokens(); });
}
