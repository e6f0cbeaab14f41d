// A next-token distribution under temperature, top-k and top-p, and draws from it.
const { prompt, tokens, logits } = data, V = logits.length, BARS = 12, STEPS = 40;
const untouched = distribution(1, V, 1), ranked = order(untouched).slice(0, BARS);
let current, counts;

function order(weights) { // stable: of equals, the lower id first
  return [...weights.keys()].sort((a, b) => weights[b] - weights[a]);
}

function normalised(weights) {
  const total = weights.reduce((sum, w) => sum + w, 0);
  return weights.map(w => w / total);
}

function distribution(temperature, k, p) {
  const top = logits.reduce((a, b) => Math.max(a, b)), first = logits.indexOf(top);
  let kept = normalised(logits.map(
    (z, i) => temperature ? Math.exp((z - top) / temperature) : Number(i === first)));
  order(kept).slice(k).forEach(i => { kept[i] = 0; });
  kept = normalised(kept);
  let before = 0;
  for (const i of order(kept)) {
    const own = kept[i];
    if (before >= p && p < 1) kept[i] = 0;
    before += own;
  }
  return normalised(kept);
}

function draw(u) { // the token whose piece of the line from 0 to 1 holds u
  const end = current.reduce((sum, p) => sum + p, 0);
  let sum = 0;
  return current.findIndex(p => (sum += p) > u * end);
}

show(`<style>
.bars { display: grid; grid-template-columns: max-content 1fr max-content 3.2ch;
  gap: .15rem .6rem; align-items: center; }
.token { max-width: 9rem; overflow: hidden; text-align: right; white-space: pre; }
.track { position: relative; height: 1.1rem; }
.track i { position: absolute; inset: 0 auto 0 0; background: var(--accent); }
.track b { position: absolute; inset: -1px auto -1px 0; border-right: 2px solid; opacity: .55; }
.number { text-align: right; } .row label { flex-basis: 12rem; } .out { opacity: .45; }
</style>
<p><span class="token">${escaped(prompt)} …</span></p>
<div class="row">
<label>temperature τ = <output id="t"></output>
<input id="temperature" type="range" min="0" max="3" step="0.05" value="1"></label>
<label>top-k = <output id="k"></output>
<input id="top-k" type="range" min="0" max="${STEPS}" value="${STEPS}"></label>
<label>top-p = <output id="p"></output>
<input id="top-p" type="range" min="0.01" max="1" step="0.01" value="1"></label>
</div>
<div class="bars"></div>
<p id="summary" aria-live="polite"></p>
<div class="row"><button id="one">Draw one</button><button id="hundred">Draw 100</button>
<button id="reset">Reset</button></div>
<p id="drawn" aria-live="polite"></p>`);

const grouped = n => n.toLocaleString("en");

function change() {
  const temperature = +$("#temperature").value, p = +$("#top-p").value;
  const k = Math.round(V ** (+$("#top-k").value / STEPS));
  $("#t").value = temperature.toFixed(2);
  $("#k").value = k === V ? `${grouped(V)} (all)` : grouped(k);
  $("#p").value = p.toFixed(2);
  current = distribution(temperature, k, p);
  counts = new Array(V).fill(0);
  $("#drawn").textContent = "";
  draw_bars();
}

function draw_bars() {
  const widest = Math.max(...ranked.flatMap(i => [current[i], untouched[i]]));
  const percent = p => `${(100 * p / widest).toFixed(2)}%`;
  $(".bars").innerHTML = ranked.map(i => `
<span class="token ${current[i] ? "" : "out"}">${escaped(tokens[i])}</span>
<span class="track"><i style="width:${percent(current[i])}"></i>
<b style="width:${percent(untouched[i])}"></b></span>
<span class="number p ${current[i] ? "" : "out"}">${current[i].toFixed(4)}</span>
<span class="number">${counts[i] ? counts[i] + "×" : ""}</span>`).join("");
  const kept = current.filter(p => p > 0);
  const entropy = -kept.reduce((sum, p) => sum + p * Math.log(p), 0);
  const open = Math.exp(entropy);
  const others = counts.reduce((a, b) => a + b, 0) - ranked.reduce((a, i) => a + counts[i], 0);
  $("#summary").innerHTML = `<output id="kept">${grouped(kept.length)}</output> of ${grouped(V)} tokens can be
drawn; the choice is as open as among <output id="open">${open.toFixed(open < 100 ? 2 : 0)}</output>
equally probable ones. The marks show the probabilities without any rule.` + (others ? ` ${others}× another token.` : "");
}

function draw_some(n) {
  let u, token;
  while (n--) {
    u = Math.floor(Math.random() * 1e6) / 1e6;
    token = draw(u);
    counts[token]++;
  }
  $("#drawn").innerHTML = `u = <output id="u">${u.toFixed(6)}</output> gives
<span class="token" id="token">${escaped(tokens[token])}</span>`;
  draw_bars();
}

on("input", "input", change);
on("#one", "click", () => draw_some(1));
on("#hundred", "click", () => draw_some(100));
on("#reset", "click", () => {
  ["#temperature", "#top-k", "#top-p"].forEach((s, i) => { $(s).value = [1, STEPS, 1][i]; });
  change();
});
change();
