"use strict";
(() => {
  const { ids, labels, pixels, members } = PREDICTIONS;
  const names = Object.keys(members);
  const places = ids.map((_, place) => place);
  // Member -> which row stands in each place.
  let orders = Object.fromEntries(names.map(name => [name, [...places]]));

  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
    element.append(...children);
    return element;
  };
  // Of equal sums the first class counts, as in NumPy.
  const largest = values => values.indexOf(Math.max(...values));
  const predicted = names.map(name => members[name].map(largest));
  const averaged = rows => largest(members[names[0]][0].map((_, k) =>
    rows.reduce((sum, row, member) => sum + members[names[member]][row][k], 0)));

  function picture(row) {
    const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
    svg.setAttribute("viewBox", "0 0 8 8");
    svg.setAttribute("aria-hidden", "true");
    [...pixels[row]].forEach((letter, k) => {
      if (letter === "0") return;
      const dot = document.createElementNS("http://www.w3.org/2000/svg", "rect");
      for (const [name, value] of Object.entries({ x: k % 8, y: Math.floor(k / 8), width: 1.02, height: 1.02 })) dot.setAttribute(name, value);
      dot.setAttribute("opacity", parseInt(letter, 16) / 15);
      svg.append(dot);
    });
    return svg;
  }

  const board = document.getElementById("board");
  const said = document.querySelector(".said");
  const column = (title, className = "") => {
    const list = make("ol", { "aria-label": title });
    board.append(make("div", { class: "column" }, make("div", { class: `head ${className}`, "aria-hidden": "true" }, title), list));
    return list;
  };
  const truth = column("The digit");
  places.forEach(place => truth.append(make("li", {}, make("div", { class: "card" }, picture(place),
    make("b", {}, String(labels[place])), make("small", {}, ids[place])))));
  const lists = Object.fromEntries(names.map(name => [name, column(name)]));
  const marks = { position: column("By position", "narrow"), id: column("By id", "narrow") };

  // A card keeps its element wherever it stands, so that it keeps the focus.
  const cards = Object.fromEntries(names.map((name, member) => [name, places.map(row => {
    const card = make("button", { type: "button", class: "card", "data-row": row, "data-id": ids[row] },
      make("b", {}, String(predicted[member][row])), make("small", {}, ids[row]));
    card.addEventListener("keydown", event => {
      const step = { ArrowUp: -1, ArrowDown: 1 }[event.key];
      if (!step) return;
      event.preventDefault();
      move(name, row, orders[name].indexOf(row) + step);
      card.focus();
      card.scrollIntoView({ block: "nearest" });
    });
    card.addEventListener("pointerdown", event => {
      if (event.button) return;
      card.setPointerCapture(event.pointerId);
      card.classList.add("held");
    });
    card.addEventListener("pointermove", event => {
      if (!card.classList.contains("held")) return;
      const box = lists[name].getBoundingClientRect();
      const to = Math.floor((event.clientY - box.top) / (box.height / ids.length));
      if (to !== orders[name].indexOf(row)) {
        move(name, row, to);
        card.setPointerCapture(event.pointerId);
      }
      const edge = event.clientY < 40 ? -12 : event.clientY > innerHeight - 40 ? 12 : 0;
      if (edge) scrollBy(0, edge);
    });
    for (const end of ["pointerup", "pointercancel"]) card.addEventListener(end, () => card.classList.remove("held"));
    return card;
  })]));
  for (const list of Object.values(lists)) places.forEach(() => list.append(make("li")));
  for (const list of Object.values(marks)) places.forEach(() => list.append(make("li", {}, make("div", { class: "mark" }))));

  function move(name, row, to) {
    const order = orders[name].filter(other => other !== row);
    const place = Math.max(0, Math.min(ids.length - 1, to));
    order.splice(place, 0, row);
    orders[name] = order;
    draw();
    said.textContent = `${name}: the row of ${ids[row]} now stands in place ${place + 1} of ${ids.length}.`;
  }

  function score(kind, right) {
    const box = document.getElementById(`by-${kind}`);
    const share = right.filter(Boolean).length / ids.length;
    box.querySelector(".figure").textContent = `${Math.round(100 * share)} %`;
    box.querySelector(".bar > span").style.width = `${100 * share}%`;
    box.querySelector(".count").textContent = `${right.filter(Boolean).length} of ${ids.length} digits are right`;
    right.forEach((ok, place) => {
      const mark = marks[kind].children[place].firstChild;
      mark.textContent = ok ? "✓" : "✗";
      mark.className = ok ? "mark" : "mark wrong";
      mark.setAttribute("role", "img");
      mark.setAttribute("aria-label", `${ids[place]} ${ok ? "right" : "wrong"}`);
    });
    return share;
  }

  function draw() {
    names.forEach((name, member) => orders[name].forEach((row, place) => {
      const card = cards[name][row];
      const cell = lists[name].children[place];
      if (card.parentNode !== cell) cell.append(card);
      card.classList.toggle("moved", row !== place);
      card.setAttribute("aria-label", `${name}, place ${place + 1} of ${ids.length}: ${predicted[member][row]} for ${ids[row]}. ` +
        "Arrow keys move it.");
    }));
    const byPosition = score("position", places.map(place => averaged(names.map(name => orders[name][place])) === labels[place]));
    const byId = score("id", places.map(place => {
      const rows = names.map(name => orders[name].find(row => ids[row] === ids[place]));
      return averaged(rows) === labels[place];
    }));
    document.getElementById("by-position").classList.toggle("worse", byPosition < byId);
    const moved = names.filter(name => orders[name].some((row, place) => row !== place)).length;
    document.querySelector(".chance").textContent = moved
      ? `${moved} of ${names.length} members have rows out of order.`
      : "All members are in the order of the digits, so both are the same.";
  }

  document.getElementById("shuffle").addEventListener("click", () => {
    for (const name of names) {
      const order = orders[name] = [...places];
      for (let k = order.length - 1; k > 0; k--) {
        const other = Math.floor(Math.random() * (k + 1));
        [order[k], order[other]] = [order[other], order[k]];
      }
    }
    draw();
    said.textContent = "The rows of every member were shuffled.";
  });
  document.getElementById("reset").addEventListener("click", () => {
    orders = Object.fromEntries(names.map(name => [name, [...places]]));
    draw();
    said.textContent = "Every member is in the order of the digits again.";
  });
  draw();
})();
