"use strict";
(() => {
  const all = (selector, root = document) => [...root.querySelectorAll(selector)];
  const make = (tag, text = "", attributes = {}) => {
    const element = document.createElement(tag);
    element.textContent = text;
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    return element;
  };

  // Tables: sort by a click on a heading, copy as CSV, say where there is more to scroll.

  const NUMBER = /^[+\-\u2212]?(\d+\.?\d*|\.\d+)(e[+\-]?\d+)?/i;
  const FORMULA = /(^|[;\t\r\n])(?=\s*[=+\-@\uff1d\uff0b\uff0d\uff20\t\r])/g;
  const textOf = cell => cell.dataset.value ?? cell.textContent.trim();
  const isEmpty = text => text === "" || text === "\u2013";
  const numberOf = text => parseFloat(text.replace("\u2212", "-"));

  function sort(table, place, heading) {
    const body = table.tBodies[0];
    const before = heading.getAttribute("aria-sort");
    const order = before === "ascending" ? "descending" : before === "descending" ? null : "ascending";
    for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
    if (order) heading.setAttribute("aria-sort", order);
    const rows = [...body.rows];
    const key = row => textOf(row.cells[place]);
    const numeric = rows.every(row => isEmpty(key(row)) || NUMBER.test(key(row)));
    const sign = order === "descending" ? -1 : 1;
    rows.sort((a, b) => {
      if (!order) return a.dataset.place - b.dataset.place;
      const [one, two] = [key(a), key(b)];
      if (isEmpty(one) || isEmpty(two)) return isEmpty(one) - isEmpty(two);
      return sign * (numeric ? numberOf(one) - numberOf(two) : one.localeCompare(two, undefined, { numeric: true }));
    });
    body.append(...rows);
  }

  const cellOfCsv = text => {
    const plain = NUMBER.exec(text)?.[0] === text ? text : text.replace(FORMULA, "$1'");
    return /[",\n\r]/.test(plain) ? `"${plain.replaceAll('"', '""')}"` : plain;
  };
  const csvOf = table =>
    [...table.rows]
      .map(row => [...row.cells].map(cell => (isEmpty(textOf(cell)) ? "" : cellOfCsv(textOf(cell)))).join(",") + "\n")
      .join("");

  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.body.appendChild(make("textarea", text));
      area.select();
      document.execCommand("copy");
      area.remove();
    }
  }

  for (const figure of all("figure.table")) {
    const table = figure.querySelector("table");
    [...table.tBodies[0].rows].forEach((row, place) => { row.dataset.place = place; });
    if (table.tBodies[0].rows.length > 1) {
      [...table.tHead.rows[0].cells].forEach((heading, place) => {
        const button = make("button", heading.textContent, { type: "button", title: "Sort" });
        heading.dataset.value = heading.textContent;
        heading.replaceChildren(button);
        button.addEventListener("click", () => sort(table, place, heading));
      });
    }
    const tools = make("div", "", { class: "tools" });
    const button = make("button", "Copy as CSV", { type: "button" });
    button.addEventListener("click", async () => {
      await copy(csvOf(table));
      button.textContent = "Copied";
      setTimeout(() => { button.textContent = "Copy as CSV"; }, 2000);
    });
    tools.append(make("span", "More columns \u2192", { class: "more" }), button);
    figure.append(tools);
  }
  function showMore() {
    for (const scroll of all(".scroll")) {
      const more = scroll.scrollWidth > scroll.clientWidth + 1;
      scroll.classList.toggle("wide", more);
      scroll.classList.toggle("end", more && scroll.scrollLeft + scroll.clientWidth >= scroll.scrollWidth - 1);
    }
  }
  for (const scroll of all(".scroll")) scroll.addEventListener("scroll", showMore, { passive: true });
  for (const fold of all("details")) fold.addEventListener("toggle", showMore);
  addEventListener("resize", showMore);
  const openTarget = () => {
    for (let at = document.getElementById(decodeURIComponent(location.hash.slice(1))); at; at = at.parentElement) {
      if (at.tagName === "DETAILS") at.open = true;
    }
  };
  addEventListener("hashchange", openTarget);
  addEventListener("beforeprint", () => all("details").forEach(fold => { fold.open = true; }));

  // Members: ticked on and off, and combined anew.

  function decode(text, Kind) {
    const binary = atob(text);
    const bytes = new Uint8Array(binary.length);
    for (let i = 0; i < bytes.length; i++) bytes[i] = binary.charCodeAt(i);
    return new Kind(bytes.buffer);
  }

  function read(data) {
    const [nMembers, nRows, nClasses] = data.shape;
    const Values = data.dtype === "float64" ? Float64Array : Float32Array;
    const values = decode(data.values, Values);
    const size = nRows * nClasses;
    return {
      ...data, nMembers, nRows, nClasses,
      // Sums are rounded as in Python, so that equal sums are equal here.
      round: data.dtype === "float64" ? x => x : Math.fround,
      of: Array.from({ length: nMembers }, (_, m) => values.subarray(m * size, (m + 1) * size)),
      labels: decode(data.labels, { multiclass: Int32Array, multilabel: Uint8Array, regression: Float64Array }[data.kind]),
      rowWeights: data.row_weights ? decode(data.row_weights, Float64Array) : null,
      present: data.present ? decode(data.present, Uint8Array) : null,
    };
  }

  const isThere = (d, m, i) => !d.present || d.present[m * d.nRows + i];

  function pool(d, chosen, weights) {
    const result = new Float64Array(d.nRows * d.nClasses);
    for (let i = 0; i < d.nRows; i++) {
      let mass = 0;
      for (const m of chosen) if (isThere(d, m, i)) mass += weights ? weights[m] : 1;
      for (let c = 0; c < d.nClasses; c++) {
        const at = i * d.nClasses + c;
        let sum = 0;
        for (const m of chosen) {
          if (!isThere(d, m, i)) continue;
          sum = d.round(sum + (weights ? d.round(d.round(weights[m] / mass) * d.of[m][at]) : d.of[m][at]));
        }
        result[at] = weights ? (mass > 0 ? sum : NaN) : d.round(sum / mass);
      }
    }
    return result;
  }

  function largest(values, start, n) {
    let best = 0;
    for (let c = 1; c < n; c++) if (values[start + c] > values[start + best]) best = c;
    return best;
  }

  // Plurality: a member's vote is divided among its most probable classes; of tied classes the one with the larger sum
  // of probabilities wins, then the first by name.
  function vote(d, chosen) {
    const result = new Float64Array(d.nRows * d.nClasses);
    const summed = new Float64Array(d.nClasses);
    for (let i = 0; i < d.nRows; i++) {
      const start = i * d.nClasses;
      const there = chosen.filter(m => isThere(d, m, i));
      const shares = result.subarray(start, start + d.nClasses);
      summed.fill(0);
      for (const m of there) {
        const top = d.of[m][start + largest(d.of[m], start, d.nClasses)];
        let equal = 0;
        for (let c = 0; c < d.nClasses; c++) equal += d.of[m][start + c] === top;
        for (let c = 0; c < d.nClasses; c++) {
          if (d.of[m][start + c] === top) shares[c] += 1 / equal;
          summed[c] = d.round(summed[c] + d.of[m][start + c]);
        }
      }
      for (let c = 0; c < d.nClasses; c++) shares[c] /= there.length;
      const best = Math.max(...shares);
      let winner = -1, tied = 0;
      for (const c of d.class_order) {
        if (shares[c] < best * (1 - 1e-9)) continue;
        tied += 1;
        if (winner < 0 || summed[c] > summed[winner]) winner = c;
      }
      if (tied > 1) shares[winner] = best * (1 + 1e-9);
    }
    return result;
  }

  function voteByLabel(d, chosen) {
    const result = new Float64Array(d.nRows * d.nClasses);
    for (let i = 0; i < d.nRows; i++) {
      const there = chosen.filter(m => isThere(d, m, i));
      for (let at = i * d.nClasses; at < (i + 1) * d.nClasses; at++) {
        for (const m of there) result[at] += d.of[m][at] >= 0.5;
        result[at] /= there.length;
      }
    }
    return result;
  }

  function median(d, chosen) {
    const result = new Float64Array(d.nRows * d.nClasses);
    for (let i = 0; i < d.nRows; i++) {
      const there = chosen.filter(m => isThere(d, m, i));
      for (let at = i * d.nClasses; at < (i + 1) * d.nClasses; at++) {
        const sorted = there.map(m => d.of[m][at]).sort((a, b) => a - b);
        const half = sorted.length >> 1;
        result[at] = sorted.length % 2 ? sorted[half] : d.round(d.round(sorted[half - 1] + sorted[half]) / 2);
      }
    }
    return result;
  }

  const clip = p => Math.min(Math.max(p, 1e-7), 1 - 1e-7);

  function mean(d, ofRow) {
    let sum = 0, total = 0;
    for (let i = 0; i < d.nRows; i++) {
      const weight = d.rowWeights ? d.rowWeights[i] : 1;
      if (weight > 0) sum += weight * ofRow(i);
      total += weight;
    }
    return sum / total;
  }
  const overOutputs = (d, ofOutput) => {
    let sum = 0;
    for (let c = 0; c < d.nClasses; c++) sum += ofOutput(c);
    return sum / d.nClasses;
  };
  const inRow = (d, i, ofCell) => overOutputs(d, c => ofCell(i * d.nClasses + c));

  // Over the positions of all samples together; classes in neither truth nor decisions are left out.
  function dice(d, p) {
    const [hits, sizes] = [new Float64Array(d.nClasses), new Float64Array(d.nClasses)];
    for (let i = 0; i < d.nRows; i++) {
      const weight = d.rowWeights ? d.rowWeights[i] : 1;
      for (let c = 0; c < d.nClasses; c++) {
        const at = i * d.nClasses + c;
        const isTrue = d.kind === "multiclass" ? d.labels[i] === c : d.labels[at] === 1;
        const isDecided = d.kind === "multiclass" ? largest(p, i * d.nClasses, d.nClasses) === c : p[at] >= 0.5;
        hits[c] += weight * (isTrue && isDecided);
        sizes[c] += weight * (isTrue + isDecided);
      }
    }
    const known = [...sizes.keys()].filter(c => d.kind === "multilabel" || sizes[c] > 0);
    return known.reduce((sum, c) => sum + (sizes[c] > 0 ? (2 * hits[c]) / sizes[c] : 0), 0) / known.length;
  }

  const METRICS = {
    multiclass: {
      "Accuracy": (d, p) => mean(d, i => largest(p, i * d.nClasses, d.nClasses) === d.labels[i]),
      "Log loss": (d, p) => mean(d, i => -Math.log(clip(p[i * d.nClasses + d.labels[i]]))),
    },
    multilabel: {
      "Accuracy over labels": (d, p) => mean(d, i => inRow(d, i, at => (p[at] >= 0.5) === (d.labels[at] === 1))),
      "All labels right": (d, p) => mean(d, i => inRow(d, i, at => (p[at] >= 0.5) === (d.labels[at] === 1)) === 1),
      "Log loss": (d, p) => mean(d, i => inRow(d, i, at => -Math.log(d.labels[at] ? clip(p[at]) : 1 - clip(p[at])))),
    },
    regression: {
      "RMSE": (d, p) => overOutputs(d, c => Math.sqrt(mean(d, i => (p[i * d.nClasses + c] - d.labels[i * d.nClasses + c]) ** 2))),
      "MAE": (d, p) => mean(d, i => inRow(d, i, at => Math.abs(p[at] - d.labels[at]))),
      "R\u00b2": (d, p) => {
        let sum = 0, known = 0;
        for (let c = 0; c < d.nClasses; c++) {
          const middle = mean(d, i => d.labels[i * d.nClasses + c]);
          const spread = mean(d, i => (d.labels[i * d.nClasses + c] - middle) ** 2);
          if (!(spread > 0)) continue;
          sum += 1 - mean(d, i => (p[i * d.nClasses + c] - d.labels[i * d.nClasses + c]) ** 2) / spread;
          known += 1;
        }
        return sum / known;
      },
    },
  };
  const RULES = {
    multiclass: { Mean: pool, Vote: vote, Weighted: pool },
    multilabel: { Mean: pool, "Vote by label": voteByLabel, Weighted: pool },
    regression: { Mean: pool, Median: median, Weighted: pool },
  };

  function showMembers(place) {
    const d = read(JSON.parse(place.querySelector("script").textContent));
    const metrics = Object.entries({ ...(d.dense ? { "Dice": dice } : {}), ...METRICS[d.kind] });
    const rules = Object.entries(RULES[d.kind]);
    const show = (cell, value) => {
      cell.textContent = Number.isFinite(value) ? value.toFixed(4) : "\u2013";
      cell.dataset.value = value;
    };
    const figures = row => metrics.map(() => row.appendChild(make("td", "", { class: "number" })));
    const table = make("table", "", { "aria-label": place.dataset.label });
    const head = table.createTHead().insertRow();
    for (const name of ["Member", "Weight", ...metrics.map(([name]) => name)]) {
      head.append(make("th", name, { scope: "col", ...(name === "Member" ? {} : { class: "number" }) }));
    }
    const members = table.createTBody();
    const inputs = d.members.map((name, m) => {
      const row = members.insertRow();
      const label = make("label");
      const tick = make("input", "", { type: "checkbox", name: "member", checked: "" });
      label.append(tick, make("span", ` ${name}`));
      row.appendChild(make("th", "", { scope: "row" })).append(label);
      const weight = make("input", "", {
        type: "number", min: "0", step: "any", name: "weight", value: d.weights[m], "aria-label": `Weight of ${name}`,
      });
      row.appendChild(make("td", "", { class: "number" })).append(weight);
      const alone = pool(d, [m], null);
      figures(row).forEach((cell, k) => show(cell, metrics[k][1](d, alone)));
      return { tick, weight };
    });
    const combined = table.appendChild(make("tbody", "", { class: "combined", "aria-live": "polite" }));
    const cells = rules.map(([name]) => {
      const row = combined.insertRow();
      row.append(make("th", name, { scope: "row" }), make("td"));
      return figures(row);
    });
    const said = make("p", "", { class: "said", role: "status" });
    const missing = d.present !== null;

    function update() {
      const chosen = d.order.filter(m => inputs[m].tick.checked);
      const weights = inputs.map(({ weight }) => (weight.value === "" ? NaN : Number(weight.value)));
      const wrong = chosen.some(m => !(weights[m] >= 0 && Number.isFinite(weights[m])));
      const noWeight = wrong || !chosen.some(m => weights[m] > 0);
      const lost = missing && chosen.length > 0 && Array.from({ length: d.nRows }, (_, i) => i)
        .some(i => !chosen.some(m => isThere(d, m, i)));
      said.textContent = !chosen.length ? "Tick one member at least."
        : lost ? "Some rows have predictions of none of these members. Tick more."
        : noWeight ? "Weights must be numbers >= 0, one of them positive."
        : `${chosen.length} of ${d.nMembers} members combined.`;
      rules.forEach(([name, rule], r) => {
        const isNone = !chosen.length || lost || (name === "Weighted" && noWeight);
        const result = isNone ? null : rule(d, chosen, name === "Weighted" ? weights : null);
        cells[r].forEach((cell, k) => show(cell, result ? metrics[k][1](d, result) : NaN));
      });
    }
    const again = make("button", "All members, weights as at first", { type: "button" });
    again.addEventListener("click", () => {
      inputs.forEach(({ tick, weight }, m) => { tick.checked = true; weight.value = d.weights[m]; });
      update();
    });
    table.addEventListener("input", update);
    const scroll = make("div", "", { class: "scroll", tabindex: "0", role: "group", "aria-label": place.dataset.label });
    scroll.append(table);
    scroll.addEventListener("scroll", showMore, { passive: true });
    place.append(scroll, said, again);
    update();
  }

  all(".members").forEach(showMembers);
  openTarget();
  showMore();
})();
