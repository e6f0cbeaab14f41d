// What a token looks at, by block and head. `maps[block][head][t]` has the weights of tokens 0 … t.
const { tokens, maps, values } = data, single = maps.length * maps[0].length === 1;
let block = maps.length - 1, head = 0, chosen = data.chosen, T = tokens.length;
const vector = v => `(${v.map(x => +x.toFixed(2)).join(", ")})`;
const mix = w => `color-mix(in srgb, var(--accent) ${(65 * w).toFixed(1)}%, transparent)`;

const thumbnail = rows => `<svg viewBox="0 0 ${T} ${T}" aria-hidden="true">${rows.map((row, t) =>
  row.map((w, s) => `<rect x="${s}" y="${t}" width="1" height="1" fill="var(--accent)"
fill-opacity="${Math.max(.06, w).toFixed(2)}"/>`).join("")).join("")}</svg>`;

show(`<style>
.heads { display: grid; grid-template-columns: repeat(${maps[0].length}, minmax(3.2rem, 6rem));
  gap: .4rem; margin: .5rem 0; }
.heads button { padding: .25rem; font-size: .75em; text-align: center; }
.tokens { display: flex; flex-wrap: wrap; gap: .3rem; margin: .6rem 0; }
.tokens button { display: flex; flex-direction: column; align-items: center; padding: .2rem .4rem;
  background: none; border: 2px solid var(--faint); min-width: 2.6rem; }
.tokens button[aria-pressed=true] { border-color: currentColor; }
.tokens small { font-variant-numeric: tabular-nums; opacity: .85; }
.future .token { opacity: .7; }
</style>
${single ? "" : "<p>block.head</p>"}<div class="heads">${single ? "" : maps.flatMap((heads, b) => heads.map((rows, h) =>
  `<button data-block="${b}" data-head="${h}" title="block ${b + 1}, head ${h + 1}"
aria-label="block ${b + 1}, head ${h + 1}">${thumbnail(rows)}${b + 1}.${h + 1}</button>`)).join("")}</div>
<div class="tokens">${tokens.map((token, t) => `<button data-t="${t}"><span class="token">${
  escaped(token)}</span>${values ? `<small>value ${vector(values[t])}</small>` : ""}
<small class="weight"></small></button>`).join("")}</div>
<p id="summary" aria-live="polite"></p>`);

function draw() {
  const weights = maps[block][head][chosen], name = t => `<b>${escaped(tokens[t])}</b>`;
  $$(".heads button").forEach(b => b.setAttribute("aria-pressed",
    +b.dataset.block === block && +b.dataset.head === head));
  $$(".tokens button").forEach((b, t) => {
    b.setAttribute("aria-pressed", t === chosen);
    b.className = t > chosen ? "future" : "";
    b.style.background = t > chosen ? "" : mix(weights[t]);
    b.lastElementChild.textContent = t > chosen ? "–" : weights[t].toFixed(3);
  });
  const most = weights.indexOf(Math.max(...weights));
  const where = single ? "" : `In block ${block + 1}, head ${head + 1}, `;
  let text = `${where}${name(chosen)} looks most at ${name(most)}, with a weight of
<output id="most">${weights[most].toFixed(3)}</output>.`;
  if (values) {
    const sum = values[0].map((_, i) => weights.reduce((a, w, t) => a + w * values[t][i], 0));
    const terms = weights.map((w, t) => `${+w.toFixed(3)} ${vector(values[t])}`).join(" + ");
    text = `${name(chosen)} gathers ${terms} = <output id="sum">${vector(sum)}</output>.`;
  }
  $("#summary").innerHTML = text;
}

function choose(t) { chosen = t; draw(); }

$$(".tokens button").forEach((b, t) => {
  b.addEventListener("click", () => choose(t));
  b.addEventListener("focus", () => choose(t));
  b.addEventListener("pointerenter", e => { if (e.pointerType === "mouse") choose(t); });
});
on(".tokens", "keydown", event => { // arrows move along the sentence
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  const next = step && $$(".tokens button")[chosen + step];
  if (next) { event.preventDefault(); next.focus(); }
});
on(".heads button", "click", event => {
  const button = event.currentTarget;
  [block, head] = [+button.dataset.block, +button.dataset.head];
  draw();
});
draw();
