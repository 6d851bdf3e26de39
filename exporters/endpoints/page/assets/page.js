// Keeps the summary that the server rendered current, and adds the table of rows.
// Names and addresses are chosen by peers: they only ever become text, never markup.

const REFRESH_MS = 5_000;
// A service that takes longer than this is as good as gone to whoever is watching.
const TIMEOUT_MS = 10_000;
// Larger fleets are for Grafana and the API: the first rows are shown, and not asked for as often.
const MOST_ROWS = 5_000;
const PART_MS = 60_000;
// Laying out thousands of rows takes a second: the rest is shown when it is asked for.
const SHOWN_ROWS = 500;
// A snapshot may arrive between the summary and the rows; then both are asked for once more.
const ATTEMPTS = 3;
const UNKNOWN = "–";

// Without user and password, which fetch does not allow.
const base = location.origin + location.pathname;
const section = document.getElementById("rows");
const table = section.querySelector("table");
const body = table.tBodies[0];
const filter = document.getElementById("filter");
const unreachable = document.getElementById("unreachable");
const more = document.getElementById("more");
const collator = new Intl.Collator("en", { numeric: true });

let list = { moment: "", rows: [], total: 0, askedAt: -Infinity };
let sorting = null;
let shownLines = [];
let mostShown = SHOWN_ROWS;
let answeredAt = performance.now();
let problem = null;
let titleOfPage = document.title;
let timer = null;
let busy = false;
const lines = new Map();

// Numbers, written as units.py writes them.

function hashrate(value) {
  const prefixes = ["", "k", "M", "G", "T", "P", "E", "Z", "Y", "R", "Q"];
  let scaled = value;
  while (scaled >= 999.5 && prefixes.length > 1) {
    scaled /= 1000;
    prefixes.shift();
  }
  if (scaled >= 999.5) return `${value.toExponential(2)} H/s`;
  if (scaled > 0 && scaled < 0.01) return "< 0.01 H/s";
  const digits = scaled === 0 || scaled >= 100 ? 0 : scaled >= 10 ? 1 : 2;
  return `${scaled.toFixed(digits)} ${prefixes[0]}H/s`;
}

function duration(seconds) {
  const units = [[86400, "d"], [3600, "h"], [60, "min"], [1, "s"]];
  const whole = Math.max(0, Math.floor(seconds));
  const at = units.findIndex(([size]) => whole >= size);
  if (at < 0 || at === units.length - 1) return `${whole} s`;
  const [[size, unit], [smaller, smallUnit]] = units.slice(at, at + 2);
  const rest = Math.floor((whole % size) / smaller);
  return `${Math.floor(whole / size)} ${unit}${rest ? ` ${rest} ${smallUnit}` : ""}`;
}

function time(unix) {
  const date = new Date(unix * 1000);
  // A sender's clock may say anything, beyond all dates too.
  if (Number.isNaN(date.getTime())) return UNKNOWN;
  return date.toISOString().replace("T", " ").replace(/\..*/, " UTC");
}

const count = (value) => value.toLocaleString("en");

// What each kind of column sorts by, and shows of that; null is unknown.
const KINDS = {
  text: { value: (value) => value, text: String },
  state: { value: (value) => value, text: String },
  id: { value: (value) => value, text: String },
  count: { value: (value) => value, text: count },
  length: { value: (value) => value.length, text: count },
  hashrate: { value: (value) => value, text: hashrate },
  rejected: {
    value: (rejected, row) => {
      const all = rejected + row.shares_submitted;
      return rejected === null || row.shares_submitted === null || !all ? null : rejected / all;
    },
    text: (share) => `${(share * 100).toFixed(2)} %`,
    title: (rejected, row) => [
      `${count(rejected)} rejected`,
      ...Object.entries(row.shares_rejected_by ?? {}).map(([reason, shares]) =>
        `${reason.replaceAll("_", " ")}: ${count(shares)}`),
    ].join(", "),
  },
  since: { value: secondsAgo, text: duration, title: time },
  ago: { value: secondsAgo, text: (seconds) => `${duration(seconds)} ago`, title: time },
};

function secondsAgo(unix, row, now) {
  return unix === null ? null : now - unix;
}

const columns = [...table.tHead.rows[0].cells].map((heading) => ({
  heading,
  field: heading.dataset.field,
  kindName: heading.dataset.kind,
  ...KINDS[heading.dataset.kind],
}));

const valueOf = (column, row, now) => column.value(row[column.field], row, now);

// The summary, which comes as HTML that the server has escaped.

function patch(old, next) {
  const same = old.nodeName === next.nodeName && old.childNodes.length === next.childNodes.length;
  if (!same) {
    old.replaceWith(document.importNode(next, true));
  } else if (old.nodeType === Node.TEXT_NODE) {
    if (old.data !== next.data) old.data = next.data;
  } else {
    for (const name of old.getAttributeNames()) {
      if (!next.hasAttribute(name)) old.removeAttribute(name);
    }
    for (const { name, value } of next.attributes) {
      if (old.getAttribute(name) !== value) old.setAttribute(name, value);
    }
    [...old.childNodes].forEach((child, index) => patch(child, next.childNodes[index]));
  }
}

const summary = () => document.getElementById("summary");
const elapsed = () => (performance.now() - answeredAt) / 1000;

function tick() {
  const passed = elapsed();
  for (const element of document.querySelectorAll("[data-age]")) {
    const age = Number(element.dataset.age) + passed;
    element.textContent = duration(age);
    const row = element.closest("[data-late]");
    const badge = row?.querySelector(".badge");
    if (badge && problem === null && age > Number(row.dataset.late)) {
      badge.textContent = "late";
      badge.className = "badge late";
    }
  }
}

function showProblem() {
  document.body.classList.toggle("stale", problem !== null);
  document.title = problem === null ? titleOfPage : `No answer. ${titleOfPage}`;
  unreachable.hidden = problem === null;
  if (problem === null) return;
  const since = time(Date.now() / 1000 - elapsed());
  const text = `No answer from this service since ${since}: ${problem}. `
    + "What is shown below is from then. Trying again every 5 s.";
  // Said once, and not again each time.
  if (unreachable.textContent !== text) unreachable.textContent = text;
}

// The rows.

function newLine() {
  const tr = document.createElement("tr");
  const cells = columns.map(({ kindName }) => {
    const td = tr.insertCell();
    td.dataset.kind = kindName;
    td.append(kindName === "state" ? document.createElement("span") : "");
    return td;
  });
  return { tr, cells, texts: [] };
}

function fill(line, row, now) {
  columns.forEach((column, index) => {
    const value = valueOf(column, row, now);
    const text = value === null ? UNKNOWN : column.text(value);
    const title = column.title && value !== null ? column.title(row[column.field], row) : "";
    const cell = line.cells[index];
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
  return (one, other) => {
    const [a, b] = [valueOf(column, one, now), valueOf(column, other, now)];
    // What is unknown comes last either way.
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (typeof a === "string" ? collator.compare(a, b) : a - b);
  };
}

function matches(row, wanted) {
  return columns.some(({ field, kindName }) =>
    ["text", "state", "id"].includes(kindName)
    && String(row[field] ?? "").toLowerCase().includes(wanted));
}

function showRows() {
  const now = Number(summary().dataset.now) + elapsed();
  const wanted = filter.value.trim().toLowerCase();
  const found = wanted ? list.rows.filter((row) => matches(row, wanted)) : [...list.rows];
  if (sorting) found.sort(comparison(now));
  const next = found.slice(0, mostShown).map((row) => {
    const key = `${row.source}\n${row.downstream_id}`;
    if (!lines.has(key)) lines.set(key, newLine());
    fill(lines.get(key), row, now);
    return lines.get(key).tr;
  });
  if (next.length !== shownLines.length || next.some((tr, index) => tr !== shownLines[index])) {
    body.replaceChildren(...next);
    shownLines = next;
  }
  hideUnknown();
  more.hidden = found.length <= mostShown;
  more.textContent = `Show all ${count(found.length)} rows`;
  showCounts(found.length);
  section.hidden = summary().dataset.state === "never";
}

// A column that few senders fill is there once any row has a value for it.
function hideUnknown() {
  columns.forEach(({ heading, field }, index) => {
    if (!("rare" in heading.dataset)) return;
    const hidden = list.rows.every((row) => row[field] === null);
    heading.hidden = hidden;
    for (const { cells } of lines.values()) cells[index].hidden = hidden;
  });
}

function showCounts(found) {
  const { length } = list.rows;
  let text = found === length ? `${count(length)} rows` : `${count(found)} of ${count(length)} rows`;
  if (list.total > length) {
    text += `, the first of ${count(list.total)}, updated once a minute: `
      + "Grafana and the API have all of them";
  }
  const shown = document.getElementById("shown");
  if (shown.textContent !== text) shown.textContent = text;
}

function sortBy(column) {
  const { dataset } = column.heading;
  const first = ["text", "state", "id"].includes(dataset.kind);
  const descending = sorting?.column === column ? !sorting.descending : !first;
  sorting?.column.heading.removeAttribute("aria-sort");
  column.heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
  sorting = { column, descending };
  showRows();
}

// Asking the service.

async function ask(path) {
  const signal = AbortSignal.timeout(TIMEOUT_MS);
  const answer = await fetch(new URL(path, base), { signal }).catch(() => {
    throw new Error(signal.aborted ? "it takes too long" : "it cannot be reached");
  });
  if (!answer.ok) throw new Error(`it answered ${answer.status}`);
  return answer;
}

async function askRows() {
  const name = section.dataset.list;
  const answer = await ask(`api/${name}?offset=0&limit=${MOST_ROWS}`);
  const content = await answer.json();
  // A proxy between may have made it a weak one, or have taken it away.
  const moment = answer.headers.get("etag")?.match(/"(.*)"/)[1] ?? null;
  return { moment, rows: content[name], total: content.total, askedAt: performance.now() };
}

const isPart = ({ rows, total, askedAt }) =>
  total > rows.length && performance.now() - askedAt < PART_MS;

async function refresh() {
  let next = null;
  let rows = list;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    next = new DOMParser().parseFromString(await (await ask("")).text(), "text/html");
    const { moment } = next.getElementById("summary").dataset;
    if (rows.moment === moment || isPart(rows)) break;
    rows = await askRows();
    if (rows.moment === moment || rows.moment === null) break;
  }
  // The service was upgraded under this page.
  if (next.documentElement.dataset.build !== document.documentElement.dataset.build) {
    location.reload();
    return;
  }
  answeredAt = performance.now();
  patch(summary(), next.getElementById("summary"));
  patch(document.querySelector("link[rel=icon]"), next.querySelector("link[rel=icon]"));
  titleOfPage = next.title;
  keep(rows);
  showRows();
}

function keep(rows) {
  if (rows === list) return;
  list = rows;
  const keys = new Set(rows.rows.map((row) => `${row.source}\n${row.downstream_id}`));
  for (const key of lines.keys()) if (!keys.has(key)) lines.delete(key);
}

async function cycle() {
  clearTimeout(timer);
  if (document.hidden || busy) return;
  busy = true;
  try {
    await refresh();
    problem = null;
  } catch (error) {
    problem = error.message;
  }
  busy = false;
  showProblem();
  tick();
  timer = setTimeout(cycle, REFRESH_MS);
}

for (const column of columns) {
  column.heading.querySelector("button").addEventListener("click", () => sortBy(column));
}
filter.addEventListener("input", showRows);
more.addEventListener("click", () => {
  mostShown = MOST_ROWS;
  showRows();
});
document.addEventListener("visibilitychange", cycle);
setInterval(tick, 1_000);
cycle();
