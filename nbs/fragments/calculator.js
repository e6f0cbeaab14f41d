// Memory of a step and days for a text, by the formulas of `training_memory` and `training_days`.
const FIELDS = [["memory", "memory, GB"], ["tflops", "peak, TFLOP/s"],
  ["utilisation", "of it used, %"], ["micro", "micro-batch"], ["text", "text, GB"]];
const BYTES_PER_TOKEN = new Map(data.token_bytes); // by the size of the vocabulary
const options = names => Object.keys(names).map(n => `<option>${escaped(n)}</option>`).join("");

show(`<style>
.parts { display: grid; grid-template-columns: max-content 1fr max-content; gap: .15rem .6rem;
  align-items: center; margin: .6rem 0; }
.track { height: 1rem; } .track i { display: block; height: 100%; background: var(--accent); }
.number { text-align: right; } .row label:not(.tick) { flex-basis: 7rem; }
</style>
<div class="row">
<label>machine<select id="machine">${options(data.machines)}</select></label>
<label>network<select id="network">${options(data.networks)}</select></label>
</div>
<div class="row">${FIELDS.map(([id, text]) =>
  `<label>${text}<input type="number" id="${id}" min="0" step="any"></label>`).join("")}
<label class="tick"><input type="checkbox" id="half">16-bit products</label></div>
<div class="parts"></div>
<p id="fit" aria-live="polite"></p>
<p>By formula <output id="speed"></output> tokens a second, and <output id="days"></output> days
to read the text once.</p>`);

function parameters({ vocab_size: V, context: T, layers: L, width: C, inner }) {
  const attention = L * (3 * C * C + 3 * C + C * C + C), mlp = L * (2 * C * inner + inner + C);
  return { matrices: attention + mlp, total: V * C + T * C + attention + mlp + L * 4 * C };
}

function attention_memory({ width: C, heads: H, context: T, dropout }, device, size) {
  if (device === "cuda" || device === "cpu" && !dropout) return 4 * C * size + 4 * H;
  let keys = T, copies = 2;
  if (device === "cpu") { // blocks of queries
    let entries = 0, ends = 0;
    for (let start = 0; start < T; start += data.attention_block) {
      const end = Math.min(start + data.attention_block, T);
      entries += (end - start) * end;
      ends += end;
    }
    [keys, copies] = [Math.floor(entries / T), 2 * ends / T];
  }
  return Math.trunc((2 + copies) * C * size) + H * keys * (4 + size + 1);
}

function training_memory(network, sequences, device, half) { // bytes by part
  const { width: C, vocab_size: V, inner, context, layers } = network, cpu = device === "cpu";
  const { matrices, total: P } = parameters(network), size = half ? 2 : 4;
  const tokens = sequences * context, whole = cpu && tokens * V <= data.most_logits;
  const layer = size * (2 * C + 2 * inner) + 10 * C + attention_memory(network, device, size);
  const chunk = whole ? tokens : Math.min(tokens, data.loss_rows[device] ?? 4096);
  const casts = !half ? 0 : cpu ? 2 : 4;
  return {
    "weights": 4 * P, "gradients": 4 * P, "Adam's means": 8 * P,
    "16-bit copies": half ? 2 * matrices : 0, "activations": tokens * layers * layer,
    "output matrix": V * C * (9 + casts), "logits": chunk * V * (whole ? 12 : 8 + 2 * half),
  };
}

function flops_per_token({ vocab_size: V, context: T, layers: L, width: C, inner }) {
  return 6 * (L * (4 * C * C + 2 * C * inner) + V * C + L * 2 * T * C);
}

const sum = parts => Object.values(parts).reduce((a, b) => a + b, 0);

function draw() {
  const { device } = data.machines[$("#machine").value], network = data.networks[$("#network").value];
  const [memory, tflops, utilisation, micro, text] = FIELDS.map(([id]) => +$("#" + id).value);
  const half = $("#half").checked, held = n => sum(training_memory(network, n, device, half));
  const wrong = !(memory > 0 && tflops > 0 && utilisation > 0 && utilisation <= 100 && text > 0)
    || !(micro >= 1 && Number.isInteger(micro));
  $("#fit").textContent = "All numbers must be above 0, the micro-batch whole, at most 100 % used.";
  [".parts", "#speed", "#days"].forEach(s => { $(s).textContent = s[0] === "#" && wrong ? "?" : ""; });
  if (wrong) return;
  const parts = training_memory(network, micro, device, half), total = sum(parts);
  $(".parts").innerHTML = [...Object.entries(parts), ["together", total]].map(([name, bytes]) => `
<span>${name}</span><span class="track"><i style="width:${100 * bytes / total}%"></i></span>
<span class="number" data-part="${escaped(name)}">${(bytes / 1e9).toFixed(3)} GB</span>`).join("");
  let most = 0;
  while (most < 1e5 && held(most + 1) < .9 * memory * 1e9) most++;
  const free = 100 * (1 - total / 1e9 / memory);
  $("#fit").innerHTML = (free >= 0 ? `It fits and leaves <output id="free">${free.toFixed(0)}</output>%
of the memory free.` : "<b>It does not fit.</b>") + ` With a tenth left free,
<output id="largest">${most}</output> sequences fit.`;
  const speed = tflops * 1e12 * utilisation / 100 / flops_per_token(network);
  const length = BYTES_PER_TOKEN.get(network.vocab_size);
  $("#speed").value = Math.round(speed).toLocaleString("en");
  const days = text * 1e9 / length / speed / 86400;
  $("#days").value = days.toFixed(days < 1 ? 2 : 1);
}

function take_machine() { // and what suits it
  const machine = data.machines[$("#machine").value];
  $("#memory").value = machine.memory;
  $("#tflops").value = +(machine.flops_per_second / 1e12).toFixed(2);
  $("#micro").value = machine.micro_batch_size;
  $("#network").value = machine.preset;
  $("#half").checked = machine.device === "cuda";
  draw();
}

$("#utilisation").value = 40;
$("#text").value = data.text_gb;
on("#machine", "change", take_machine);
on("#network, input", "input", draw);
take_machine();
