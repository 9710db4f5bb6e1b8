// Reading a step chart: hover, keyboard, pins, and lines to switch off. The arithmetic of `byteAxis` and `path` is that
// of app/web/charts (scale.py, geometry.py), operation for operation: tests/browser proves it character by character.
const UNITS = { MB: [["MB", 1e6, 1e5], ["kB", 1e3, 1e3]], MiB: [["MiB", 1048576, 104857.6], ["KiB", 1024, 1024]] };
const WIDTH = 10000, HEIGHT = 4000, MOST_ROWS = 8, MINUS = "\u2212";
const grouped = (value, digits) =>
  value.toLocaleString("en-US", { minimumFractionDigits: digits, maximumFractionDigits: digits });

export function bytesText(bytes, unit) {
  for (const [name, inBytes, least] of UNITS[unit])
    if (bytes >= least) {
      const value = bytes / inBytes, digits = value >= 1000 ? 0 : value >= 10 ? 1 : 2, power = 10 ** digits;
      return `${grouped(Math.floor(value * power + 0.5) / power, digits)} ${name}`;
    }
  return `${bytes} B`;
}

export function byteAxis(low, high, zero, unit) {
  let bottom = 0, top = Math.max(high, 1);
  if (!zero) {
    const missing = Math.max(high * 0.01, 1) - (high - low);
    [bottom, top] = missing > 0 ? [Math.max(low - missing / 2, 0), high + missing / 2] : [low, high];
  }
  const [name, inBytes] = UNITS[unit][top * 10 >= UNITS[unit][0][1] ? 0 : 1];
  const [step, digits] = roundStep((top - bottom) / inBytes / 4);
  const first = Math.floor(bottom / inBytes / step), last = Math.ceil(top / inBytes / step), ticks = [];
  for (let i = first; i <= last; i++) ticks.push([(i - first) / (last - first), `${grouped(i * step, digits)} ${name}`]);
  return { bottom: Math.floor(first * step * inBytes + 0.5), top: Math.floor(last * step * inBytes + 0.5), ticks };
}

function roundStep(rough) {
  let power = 1, digits = 0;
  while (power > rough) { power /= 10; digits++; }
  while (power * 10 <= rough) power *= 10;
  for (const factor of [1, 2, 5]) if (factor * power >= rough) return [factor * power, digits];
  return [10 * power, Math.max(digits - 1, 0)];
}

function* clipped(steps, start, end) {
  let carried = null;
  for (const step of steps) {
    if (step.at <= start) { carried = step; continue; }
    if (carried) { yield { ...carried, at: start }; carried = null; }
    if (step.at > end) return;
    yield step;
  }
  if (carried) yield { ...carried, at: start };
}

const row = (bytes, { bottom, top }) => Math.floor((top - bytes) * HEIGHT / (top - bottom) + 0.5);

export function path(steps, frame) {
  const { start, end, since = start, until = end } = frame, column = (at) => Math.floor((at - start) * WIDTH / (end - start) + 0.5);
  let text = "", pen = null, lifted = false;
  for (const step of clipped(steps, since, until)) {
    const x = column(step.at);
    const y = step.bytes === null ? null : row(step.bytes, frame);
    if (pen && y === pen[1]) continue;
    if (pen && (x > pen[0] || lifted)) text += `h${x - pen[0]}`;
    if (y !== null) text += pen ? `v${y - pen[1]}` : `M${x} ${y}`;
    lifted = !pen;
    pen = y === null ? null : [x, y];
  }
  return pen ? `${text}h${column(until) - pen[0]}` : text;
}

// The payload's deltas as steps {at, bytes, build, source}; null bytes: pending with a build, gone without.
export function decode(line, sources) {
  let at = 0, bytes = 0, build = 0;
  return line.t.map((delta, i) => ({
    at: (at += delta),
    bytes: line.bytes[i] === null ? null : (bytes += line.bytes[i]),
    build: line.build[i] === null ? null : (build += line.build[i]),
    source: sources[line.from[i] ?? line.from[0]],
  }));
}

export function axisOf(lines, { start, end, zero, unit }) {
  let low = Infinity, high = -Infinity;
  for (const line of lines)
    if (line.shown)
      for (const { bytes } of clipped(line.steps, start, end))
        if (bytes !== null) { low = Math.min(low, bytes); high = Math.max(high, bytes); }
  return high < 0 ? null : byteAxis(low, high, zero, unit);
}

const node = (name, attributes, text) => {
  const element = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const key in attributes) element.setAttribute(key, attributes[key]);
  if (text) element.textContent = text;
  return element;
};
const html = (name, className, ...children) => {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...children);
  return element;
};
const percent = (share) => `${Math.floor(share * 10000 + 0.5) / 100}%`;
const day = (at) => new Date(at * 1000).toUTCString().slice(5, 16).replace(/^0/, "");

// The step in force at a moment and the last known value before it.
function inForce({ steps }, at) {
  let i = steps.length - 1;
  while (i >= 0 && steps[i].at > at) i--;
  if (i < 0) return null;
  let before = i - 1;
  while (before >= 0 && steps[before].bytes === null) before--;
  return { step: steps[i], before: before < 0 ? null : steps[before].bytes };
}

function enhance(figure) {
  const data = JSON.parse(figure.querySelector("script").textContent);
  const lines = data.lines.map((line) => ({ ...line, steps: decode(line, data.sources) }));
  const plot = figure.querySelector(".plot"), box = figure.querySelector(".readout");
  const live = figure.querySelector("[aria-live]"), form = figure.querySelector("form");
  const marks = plot.appendChild(node("g", { class: "marks" }));
  const { start, end, told, unit } = data;
  const parts = [[start, told, " told"], [told, end, ""]].filter(([since, until]) => since < until);
  let axis = axisOf(lines, data), chosen = null, pinned = false, waiting = false;

  const height = (bytes) => (axis.top - bytes) / (axis.top - axis.bottom);
  const moments = () => [...new Set(lines.flatMap((line) => line.shown ? line.steps.map(({ at }) => at) : []))]
    .filter((at) => at > start && at <= end).concat(start).sort((a, b) => a - b);

  function draw() {
    const shape = { start, end, ...axis };
    plot.querySelector(".grid-y").replaceChildren(...(axis?.ticks ?? []).flatMap(([share, label]) => {
      const y = percent(1 - share);
      return [node("line", { x1: 0, x2: "100%", y1: y, y2: y }), node("text", { x: 0, y, dx: "-.6em", dy: ".32em" }, label)];
    }));
    const shown = axis ? lines.map((line, i) => [line, i]).filter(([line]) => line.shown).reverse() : [];
    plot.querySelector(".lines").replaceChildren(...shown.flatMap(([line, i]) => parts.map(([since, until, extra]) =>
      node("path", { class: `line ${line.class}${extra}`, "data-line": i, d: path(line.steps, { ...shape, since, until }) }))));
    plot.querySelector(".ends").replaceChildren(...shown.flatMap(([line, i]) => {
      const bytes = inForce(line, end)?.step.bytes ?? null;
      return bytes === null ? [] : [node("circle", { class: line.class + (told === end ? " told" : ""), "data-line": i, r: 3.5, cx: "100%", cy: percent(row(bytes, shape) / HEIGHT) })];
    }));
  }

  function rows(at, near) {
    const found = lines.filter((line) => line.shown).map((line) => ({ line, ...inForce(line, at) })).filter(({ step }) => step);
    const distance = ({ step }) => step.bytes === null ? 2 : Math.abs(height(step.bytes) - near);
    return near === null ? found : found.sort((a, b) => distance(a) - distance(b));
  }
  const value = ({ step }) => step.bytes !== null ? bytesText(step.bytes, unit) : step.build ? "size pending" : "not offered";
  function change({ step, before }) {
    if (step.bytes === null || before === null) return `since ${day(step.at)}`;
    const delta = step.bytes - before, sign = delta > 0 ? "+" : delta < 0 ? MINUS : "";
    return `${sign}${bytesText(Math.abs(delta), unit)} on ${day(step.at)}`;
  }

  function show(at, near) {
    if (!axis) return;
    chosen = at;
    const x = percent((at - start) / (end - start)), found = rows(at, near), top = found.slice(0, MOST_ROWS);
    marks.replaceChildren(node("line", { x1: x, x2: x, y1: 0, y2: "100%" }), ...top.filter(({ step }) => step.bytes !== null).reverse()
      .map(({ line, step }) => node("circle", { class: line.class, r: 4.5, cx: x, cy: percent(height(step.bytes)) })));
    const table = html("table", "", html("caption", "", day(at)));
    const origins = new Set(top.map(({ step }) => step.source)), same = origins.size < 2 ? [...origins].join() : "";
    const words = (row) => same || !row.step.source ? change(row) : `${change(row)}, ${row.step.source}`;
    for (const row of top) {
      const key = node("svg", { class: `key ${row.line.class}`, "aria-hidden": "true" });
      key.append(node("line", { x1: 0, x2: 14, y1: 5, y2: 5, class: row.line.class }));
      const link = html("a", "", value(row));
      if (row.step.build) link.href = figure.dataset.build + row.step.build;
      table.append(html("tr", "", html("td", "", key), html("td", "", row.line.label), html("td", "num", pinned ? link : value(row)), html("td", "soft", words(row))));
    }
    if (found.length > top.length) table.append(html("tr", "", html("td"), html("td", "soft", `and ${found.length - top.length} more`)));
    box.replaceChildren(table, ...(same ? [html("p", "soft", same)] : []));
    box.classList.toggle("left", at - start > (end - start) / 2);
    box.classList.toggle("pinned", pinned);
    box.hidden = false;
    return `${day(at)}: ${top.map((row) => `${row.line.label} ${value(row)}, ${words(row)}`).join("; ") || "nothing known"}${same && `; ${same}`}`;
  }
  function hide() {
    pinned = false;
    chosen = null;
    marks.replaceChildren();
    box.replaceChildren();
    box.hidden = true;
  }

  function follow(event) {
    const area = plot.getBoundingClientRect();
    const share = Math.min(Math.max((event.clientX - area.left) / area.width, 0), 1);
    show(Math.round(start + share * (end - start)), (event.clientY - area.top) / area.height);
  }
  const area = plot.parentElement;
  area.addEventListener("pointermove", (event) => {
    if (pinned || waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; if (!pinned) follow(event); });
  });
  area.addEventListener("pointerleave", () => { if (!pinned) requestAnimationFrame(() => pinned || hide()); });
  area.addEventListener("click", (event) => {
    if (event.target.closest("a")) return;
    pinned = !pinned;
    follow(event);
  });

  plot.tabIndex = 0;
  plot.addEventListener("keydown", (event) => {
    const stops = moments(), here = chosen ?? end + 1;
    const go = {
      ArrowLeft: () => stops.findLast((at) => at < here) ?? stops[0],
      ArrowRight: () => stops.find((at) => at > here) ?? end,
      Home: () => stops[0],
      End: () => end,
      Enter: () => chosen ?? end,
    }[event.key];
    if (event.key === "Escape") { hide(); live.textContent = ""; return; }
    if (!go || event.ctrlKey || event.altKey || event.metaKey) return;
    event.preventDefault();
    if (event.key === "Enter") pinned = !pinned;
    live.textContent = show(go(), null) ?? "";
  });

  form?.addEventListener("change", () => {
    const query = new URLSearchParams(new FormData(form)), ticked = query.getAll("platform");
    if (ticked.length === lines.length) query.delete("platform");
    for (const line of lines) line.shown = ticked.includes(line.label);
    axis = axisOf(lines, data);
    history.replaceState(null, "", `?${query}`);
    draw();
    hide();
  });
  form?.querySelector("button")?.setAttribute("hidden", "");
}

for (const figure of globalThis.document?.querySelectorAll("figure[data-chart]") ?? []) enhance(figure);
