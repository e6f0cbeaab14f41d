// Curves beside each other: `frames[f].y[panel][series]` over `frames[f].x`; two sliders.
const COLORS = ["var(--accent)", "var(--second)", "var(--third)"], DASHES = ["", "6 4", "2 3"];
const { frames, panels, series } = data, W = 340, H = 190, LEFT = 38, RIGHT = 14, BOTTOM = 34;
let frame = frames.length - 1, at = frames[frame].x.length - 1, hidden = new Set();

show(`<style>
:host { --third: color-mix(in srgb, #009E73 78%, currentColor); }
.panels { display: flex; flex-wrap: wrap; gap: .5rem 1.2rem; }
.panels figure { flex: 1 1 17rem; margin: 0; min-width: 0; }
figcaption { font-size: .9em; } .row label { flex-basis: 12rem; }
.values { display: grid;
  grid-template-columns: minmax(11rem, 1fr) repeat(${panels.length}, minmax(3.5rem, max-content));
  gap: .1rem 1rem; margin-top: .6rem; align-items: center; font-size: .9em; }
.values .number, .values .head { text-align: right; } .values .head { align-self: end; font-size: .9em; }
.values svg { display: inline; width: 1.6rem; height: .6rem; flex: none; }
</style>
<div class="row">
<label ${frames.length > 1 ? "" : "hidden"}>${data.frame} = <output id="f"></output>
<input id="frame" type="range" min="0" max="${frames.length - 1}" value="${frame}"></label>
<label>${data.x} = <output id="x"></output>
<input id="at" type="range" min="0"></label>
</div>
<div class="panels">${panels.map(title =>
  `<figure><figcaption>${escaped(title)}</figcaption><div class="plot"></div></figure>`).join("")}</div>
<div class="values"></div>`);

const stroke = s => `fill="none" stroke="${COLORS[s]}" stroke-width="2" stroke-dasharray="${DASHES[s]}"`;
const seen = () => series.map((_, s) => s).filter(s => !hidden.has(s));

function ticks(least, most) { // three to six round numbers
  const rough = (most - least) / 4, power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].find(m => m * power >= rough) * power, all = [];
  for (let y = Math.ceil(least / step) * step; y <= most + 1e-9; y += step) all.push(y);
  return { all, digits: Math.max(0, -Math.floor(Math.log10(step) + 1e-9)) };
}

function plot(panel) {
  const all = frames.flatMap(f => seen().flatMap(s => f.y[panel][s]));
  const low = Math.min(...all, Infinity), high = Math.max(...all, -Infinity);
  if (!seen().length) return "";
  const least = low > high / 2 ? low - .1 * (high - low) : 0, most = high + .04 * (high - least);
  const { x: xs, y } = frames[frame], right = Math.max(...frames.flatMap(f => f.x));
  const first = frames[0].x[0];
  const X = x => LEFT + (W - LEFT - RIGHT) * (x - first) / (right - first);
  const Y = v => (H - BOTTOM) * (1 - (v - least) / (most - least)) + 4;
  const { all: marks, digits } = ticks(least, most);
  const grid = marks.map(v => `<path d="M${LEFT} ${Y(v)}H${W}" stroke="currentColor" opacity=".15"/>
<text x="${LEFT - 5}" y="${Y(v) + 4}" text-anchor="end">${v.toFixed(digits)}</text>`);
  const bottom = ticks(first, right).all.map(x =>
    `<text x="${X(x)}" y="${H - 12}" text-anchor="middle">${x}</text>`);
  const lines = seen().map(s => `<polyline ${stroke(s)} points="${
    xs.map((x, i) => `${X(x).toFixed(1)},${Y(y[panel][s][i]).toFixed(1)}`).join(" ")}"/>
<circle cx="${X(xs[at])}" cy="${Y(y[panel][s][at])}" r="4" fill="${COLORS[s]}"/>`);
  return `<svg viewBox="0 0 ${W} ${H + 4}" role="img" aria-label="${escaped(panels[panel])}">
${grid.join("")}${bottom.join("")}<text x="${W}" y="${H + 2}" text-anchor="end">${data.x}</text>
<path d="M${X(xs[at])} 4V${H - BOTTOM + 4}" stroke="currentColor" opacity=".5"/>${lines.join("")}</svg>`;
}

function draw() {
  const { label, x, y } = frames[frame];
  at = Math.min(at, x.length - 1);
  $("#at").max = x.length - 1;
  $("#at").value = at;
  $("#x").value = x[at];
  $("#f").value = label ?? "";
  $$(".plot").forEach((place, panel) => { place.innerHTML = plot(panel); });
  $$(".value").forEach(e => { e.textContent = y[e.dataset.panel][e.dataset.series][at].toFixed(3); });
}

$(".values").innerHTML = `<span></span>${panels.map(title =>
  `<span class="head">${escaped(title.split(",")[0])}</span>`).join("")}` + series.map((name, s) => `
<label class="tick"><input type="checkbox" checked data-series="${s}"><svg viewBox="0 0 32 10"
aria-hidden="true"><path d="M0 5H32" ${stroke(s)}/></svg>${escaped(name).replaceAll("-", "‑")}</label>` +
  panels.map((_, p) => `<output class="number value" data-panel="${p}" data-series="${s}"></output>`)
    .join("")).join("");

on("#frame", "input", event => { // the mark stays at the end if it was there
  const last = at === frames[frame].x.length - 1;
  frame = +event.target.value;
  if (last) at = frames[frame].x.length - 1;
  draw();
});
on("#at", "input", event => { at = +event.target.value; draw(); });
on("[type=checkbox]", "change", event => {
  hidden[event.target.checked ? "delete" : "add"](+event.target.dataset.series);
  draw();
});
draw();
