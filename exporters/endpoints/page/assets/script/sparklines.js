// Draws the hashrate of the last 24 hours into the rows in view, asked for in batches.

import { ask, at } from "./asking.js";

// As many as the API gives at once.
const MOST_ROWS = 50;
// Whoever scrolls does not look yet.
const PAUSE_MS = 200;
const AGAIN_MS = 15_000;
// As long as the API keeps its answer.
const KEPT_MS = 30 * 60_000;
// Rows remembered: more than anybody scrolls past in half an hour.
const MOST_KEPT = 3_000;
const WIDTH = 80;
const HEIGHT = 22;
const SVG = "http://www.w3.org/2000/svg";

const isOn = document.getElementById("history") !== null;
const kept = new Map();
let timer = null;
let pausedUntil = 0;

const isConnection = (row) => "connection_type" in row;
// A connection has a new downstream_id after each reconnect, and its name still.
const idOf = (row) => isConnection(row) && !row.name
  ? { downstream_id: String(row.downstream_id) } : { name: row.name };
const keyOf = (source, { name, downstream_id: id }) =>
  `${source}\n${name === undefined ? "id" : "name"}\n${name ?? id}`;
const parameterOf = (row) => isConnection(row) ? row.name ? "name" : "connection" : "miner";

export function cell() {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("viewBox", `0 0 ${WIDTH} ${HEIGHT}`);
  svg.setAttribute("class", "sparkline");
  svg.setAttribute("aria-hidden", "true");
  svg.append(document.createElementNS(SVG, "path"));
  return svg;
}

export function draw(svg, row) {
  const known = kept.get(keyOf(row.source, idOf(row)));
  const path = known?.path ?? "";
  if (svg.firstChild.getAttribute("d") !== path) svg.firstChild.setAttribute("d", path);
}

// A path from 0 at the bottom to the largest value; a gap where nothing is known.
function pathOf(values) {
  const most = Math.max(...values.filter((value) => value !== null), 0);
  const x = WIDTH / (values.length - 1);
  let isOpen = false;
  return values.map((value, index) => {
    if (value === null) {
      isOpen = false;
      return "";
    }
    const y = HEIGHT - 1 - (most > 0 ? value / most : 0) * (HEIGHT - 2);
    const step = `${isOpen ? "L" : "M"}${(index * x).toFixed(1)} ${y.toFixed(1)}`;
    isOpen = true;
    return step;
  }).join("");
}

// Has the sparklines of these rows drawn by `redraw`, once they are known.
export function want(rows, redraw) {
  if (!isOn) return;
  clearTimeout(timer);
  const now = performance.now();
  const missing = rows.filter((row) => !(kept.get(keyOf(row.source, idOf(row)))?.until > now));
  if (missing.length) {
    timer = setTimeout(() => fetchOf(missing, redraw), Math.max(PAUSE_MS, pausedUntil - now));
  }
}

async function fetchOf(missing, redraw) {
  const asked = new Map();
  for (const row of missing) {
    const { name, downstream_id: id } = idOf(row);
    if (name === "" || asked.size === MOST_ROWS) continue;
    asked.set(keyOf("", idOf(row)), [parameterOf(row), name ?? id]);
  }
  if (!asked.size) return;
  const query = new URLSearchParams([...asked.values()]);
  try {
    const answer = await (await ask(at(`api/history/sparklines?${query}`))).json();
    if (kept.size > MOST_KEPT) kept.clear();
    const until = performance.now() + KEPT_MS;
    for (const row of missing.filter((one) => asked.has(keyOf("", idOf(one))))) {
      // A row without history is asked for again when it may have some.
      kept.set(keyOf(row.source, idOf(row)), { path: "", until: performance.now() + 60_000 });
    }
    for (const line of answer.sparklines) {
      kept.set(keyOf(line.source, line), { path: pathOf(line.hashrate), until });
    }
    redraw();
  } catch {
    // What is wrong with Prometheus is said above the charts.
    pausedUntil = performance.now() + AGAIN_MS;
  }
}
