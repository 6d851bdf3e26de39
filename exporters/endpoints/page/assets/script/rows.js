// Fills the table of rows: sorted, filtered, and only as far as it is in view.
// Names and addresses are chosen by peers: they only ever become text, never markup.

import { ask, at } from "./asking.js";
import { cell as sparklineCell, draw as drawSparkline, want } from "./sparklines.js";
import { UNKNOWN, count, duration, hashrate, percent, plural, time } from "./units.js";
import { inView, onScroll, spacers } from "./window.js";

// Larger fleets are for Grafana and the API: the first rows are shown.
const MOST_ROWS = 10_000;
// More rows than this take their time, and are not asked for as often.
const MANY_ROWS = 2_000;
const MANY_MS = 30_000;
// Widths are measured when whoever scrolls rests: that takes as long as laying out the rows.
const REST_MS = 100;

const section = document.getElementById("rows");
const table = section?.querySelector("table");
const body = table?.tBodies[0];
const filter = document.getElementById("filter");
const shown = document.getElementById("shown");
const collator = new Intl.Collator("en", { numeric: true });
const lines = new Map();

let list = { moment: "", rows: [], total: 0, askedAt: -Infinity };
let found = [];
let sorting = null;
let clock = () => 0;
let range = "";
let resting = null;

// What each kind of column sorts by, and shows of that; null is unknown.
const KINDS = {
  // A name may be cut where it is too long for its column.
  text: { value: (value) => value, text: String, title: String },
  state: { value: (value) => value, text: String },
  id: { value: (value) => value, text: String },
  count: { value: (value) => value, text: (value) => count(Math.round(value)) },
  length: { value: (value) => value.length, text: count },
  hashrate: { value: (value) => value, text: hashrate },
  sparkline: { value: () => null, text: String },
  rejected: {
    value: (rejected, row) => {
      const all = rejected + row.shares_submitted;
      return rejected === null || row.shares_submitted === null || !all ? null : rejected / all;
    },
    text: percent,
    title: (rejected, row) => [
      `${count(rejected)} rejected`,
      ...Object.entries(row.shares_rejected_by ?? {}).map(([reason, shares]) =>
        `${reason.replaceAll("_", " ")}: ${count(shares)}`),
    ].join(", "),
  },
  since: { value: secondsSince, text: duration, title: time },
};
const WORDS = ["text", "state", "id"];

function secondsSince(unix, row, now) {
  return unix === null ? null : now - unix;
}

const columns = table === undefined ? [] : [...table.tHead.rows[0].cells].map((heading) => ({
  heading,
  field: heading.dataset.field,
  kindName: heading.dataset.kind,
  ...KINDS[heading.dataset.kind],
}));

const valueOf = (column, row, now) => column.value(row[column.field] ?? null, row, now);
const keyOf = (row) => `${row.source}\n${row.downstream_id}`;

// As path_of in columns.py: a browser takes a path that ends in a dot or in two as another path.
export const minerPath = (name) =>
  ["", ".", ".."].includes(name) ? null : `miner/${encodeURIComponent(name)}`;

function pathOf(row) {
  if ("connection_type" in row) {
    return `connection/${row.downstream_id}?source=${encodeURIComponent(row.source)}`;
  }
  return minerPath(row.name);
}

function newLine() {
  const tr = document.createElement("tr");
  const cells = columns.map(({ kindName }, index) => {
    const td = tr.insertCell();
    td.dataset.kind = kindName;
    td.append(index === 0 ? document.createElement("a")
      : kindName === "sparkline" ? sparklineCell()
        : kindName === "state" ? document.createElement("span") : "");
    return td;
  });
  return { tr, cells, texts: [], path: null };
}

function lead(line, row) {
  const path = pathOf(row);
  if (line.path === path) return;
  line.path = path;
  const link = line.cells[0].firstChild;
  if (path === null) link.removeAttribute("href");
  else link.href = at(path);
}

function fill(line, row, now) {
  lead(line, row);
  columns.forEach((column, index) => {
    const cell = line.cells[index];
    if (cell.hidden !== column.heading.hidden) cell.hidden = column.heading.hidden;
    if (column.kindName === "sparkline") {
      drawSparkline(cell.firstChild, row);
      return;
    }
    const value = valueOf(column, row, now);
    const text = value === null ? UNKNOWN : column.text(value);
    const title = column.title && value !== null ? column.title(row[column.field], row) : "";
    if (cell.title !== title) cell.title = title;
    if (line.texts[index] === text) return;
    line.texts[index] = text;
    cell.firstChild.textContent = text;
    if (column.kindName === "state") cell.firstChild.className = `badge ${text}`;
  });
}

function comparison(now) {
  const { column, descending } = sorting;
  const sign = descending ? -1 : 1;
  return ([, a], [, b]) => {
    // What is unknown comes last either way.
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "string" ? collator.compare(a, b) : a - b);
  };
}

function matches(row, wanted) {
  return columns.some(({ field, kindName }) =>
    WORDS.includes(kindName) && String(row[field] ?? "").toLowerCase().includes(wanted));
}

// Sorts and filters all rows, and shows those in view.
export function show(now = clock) {
  if (section === null) return;
  clock = now;
  const wanted = filter.value.trim().toLowerCase();
  found = wanted ? list.rows.filter((row) => matches(row, wanted)) : list.rows;
  if (sorting) {
    const keyed = found.map((row) => [row, valueOf(sorting.column, row, clock())]);
    found = keyed.sort(comparison()).map(([row]) => row);
  }
  hideUnknown();
  showCounts();
  showInView();
}

function showInView() {
  const now = clock();
  const { first, last, height } = inView(body, found.length);
  const rows = found.slice(first, last);
  const keys = new Set(rows.map(keyOf));
  const free = [...lines.keys()].filter((key) => !keys.has(key));
  const next = rows.map((row, index) => {
    const line = lineOf(keyOf(row), free);
    fill(line, row, now);
    line.tr.setAttribute("aria-rowindex", first + index + 2);
    return line.tr;
  });
  for (const key of free) lines.delete(key);
  place(spacers(next, first, found.length - last, height));
  table.setAttribute("aria-rowcount", found.length + 1);
  clearTimeout(resting);
  // Where all rows are in view, none comes into view: the room goes to whatever needs it.
  if (rows.length < found.length) resting = setTimeout(keepWidths, REST_MS);
  want(rows, showInView);
  range = `${first} ${last}`;
}

// The line of a row that is in view already, else one that is free: making lines takes time.
function lineOf(key, free) {
  const known = lines.get(key);
  if (known !== undefined) return known;
  const left = free.pop();
  const line = left === undefined ? newLine() : lines.get(left);
  lines.delete(left);
  lines.set(key, line);
  return line;
}

function place(next) {
  let at = body.firstChild;
  for (const tr of next) {
    if (tr === at) at = at.nextSibling;
    else body.insertBefore(tr, at);
  }
  while (at !== null) {
    const gone = at;
    at = at.nextSibling;
    gone.remove();
  }
}

function onMove() {
  const { first, last } = inView(body, found.length);
  if (range !== `${first} ${last}`) showInView();
}

// A column does not become narrower while other rows come into view.
function keepWidths() {
  // Rounded up, widths would be too many pixels together.
  const widths = columns.map(({ heading }) => Math.floor(heading.getBoundingClientRect().width));
  columns.forEach(({ heading }, index) => {
    if (widths[index] > (heading.width ?? 0)) {
      heading.width = widths[index];
      heading.style.minWidth = `${widths[index]}px`;
    }
  });
}

// A column that few senders fill is there once any row has a value for it.
function hideUnknown() {
  columns.forEach(({ heading, field, kindName }) => {
    if (!("rare" in heading.dataset)) return;
    heading.hidden = kindName === "sparkline"
      ? document.getElementById("history") === null
      : list.rows.every((row) => row[field] === null);
  });
}

function showCounts() {
  const { length } = list.rows;
  let text = found.length === length
    ? plural(length, "row") : `${count(found.length)} of ${plural(length, "row")}`;
  if (list.total > length) {
    text += `, the first of ${count(list.total)}: Grafana and the API have all of them`;
  }
  if (shown.textContent !== text) shown.textContent = text;
}

function sortBy(column) {
  const first = WORDS.includes(column.kindName);
  const descending = sorting?.column === column ? !sorting.descending : !first;
  sorting?.column.heading.removeAttribute("aria-sort");
  column.heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  sorting = { column, descending };
  show();
}

export const isRecent = ({ rows, askedAt }) =>
  rows.length > MANY_ROWS && performance.now() - askedAt < MANY_MS;

// The rows of that moment, or those that there are where they need not be asked for.
export async function rowsAt(moment, known = list) {
  if (section === null) return { ...known, moment };
  if (known.moment === moment || isRecent(known)) return known;
  const name = section.dataset.list;
  const answer = await ask(at(`api/${name}?offset=0&limit=${MOST_ROWS}`));
  const content = await answer.json();
  // A proxy between may have made it a weak one, or have taken it away.
  const told = answer.headers.get("etag")?.match(/"(.*)"/)[1] ?? moment;
  return { moment: told, rows: content[name], total: content.total, askedAt: performance.now() };
}

export function keep(rows, state) {
  if (section === null) return;
  list = rows;
  section.hidden = state === "never";
}

if (section !== null) {
  for (const column of columns) {
    column.heading.querySelector("button")?.addEventListener("click", () => sortBy(column));
  }
  filter.addEventListener("input", () => show());
  onScroll(onMove);
}
