// Shows history as charts, and asks for the next points when there are some.

import { ask, at } from "./asking.js";
import { Chart } from "./chart.js";
import { count, hashrate } from "./units.js";

// Where Prometheus does not answer, and where no point is known yet.
const AGAIN_MS = 15_000;
const DEFAULT_RANGE = "24h";
const TONES = ["first", "second", "third", "fourth", "fifth", "sixth", "seventh"];

const section = document.getElementById("history");
const problem = document.getElementById("history-problem");
const holder = section?.querySelector(".charts");
const buttons = section === null ? [] : [...section.querySelectorAll("[data-range]")];
const charts = new Map();
const ranges = buttons.map(({ dataset }) => dataset.range);

// A link such as `#7d` shows that range.
const told = () => ranges.find((one) => `#${one}` === location.hash) ?? DEFAULT_RANGE;

let range = told();
let askAt = 0;
let asking = null;

const perMinute = (value) => value >= 100 ? count(Math.round(value)) : String(Number(value.toPrecision(2)));
const whole = (value) => Number.isInteger(value) ? count(value) : "";

// In the order in which they are shown; what has no history is left out.
const CHARTS = [
  { name: "hashrate", title: "Hashrate", format: hashrate, isLarge: true },
  { name: "shares_per_minute", title: "Shares a minute", format: perMinute },
  { name: "rejected_per_minute", title: "Rejected a minute, by reason", format: perMinute },
  { name: "miners", title: "Miners by state", format: whole },
  { name: "connections", title: "Connections by type", format: whole },
  { name: "sessions", title: "Sessions", format: whole },
  { name: "channels", title: "Channels", format: whole },
];

const LINES = {
  measured: { tone: "first", filled: true },
  declared: { tone: "second", dashed: true },
  accepted: { tone: "first", filled: true },
  rejected: { tone: "third" },
  active: { tone: "first" },
  idle: { tone: "second", dashed: true },
  duplicate: { tone: "first" },
  low_difficulty: { tone: "second" },
  stale: { tone: "third" },
};
// The first that no reason to reject has for itself.
const OTHER_REASON = 3;
const ORDER = Object.keys(LINES);

const isZero = (values) => values.every((value) => value === null || value === 0);

function linesOf(name, drawn) {
  const rank = ([line]) => (ORDER.indexOf(line) + 1) || ORDER.length + 1;
  const isRejected = name === "rejected_per_minute";
  const others = Object.keys(drawn).filter((line) => !(line in LINES)).sort();
  const lines = Object.entries(drawn)
    .sort((a, b) => rank(a) - rank(b) || a[0].localeCompare(b[0]))
    .map(([line, values]) => {
      const tone = others.indexOf(line) + (isRejected ? OTHER_REASON : 0);
      const look = LINES[line] ?? { tone: TONES[tone % TONES.length], dashed: tone > 2 };
      return { label: line.replaceAll("_", " "), values, ...look };
    });
  // A reason that no share was rejected for is only in the way. Another range may have some for it:
  // a line has one colour in all of them.
  return isRejected ? lines.filter(({ values }) => !isZero(values)) : lines;
}

function show({ timestamps, step, charts: drawn }) {
  for (const { name, title, format, isLarge } of CHARTS) {
    const lines = linesOf(name, drawn[name] ?? {});
    if (!lines.length) {
      charts.get(name)?.element.remove();
      charts.delete(name);
      continue;
    }
    if (!charts.has(name)) {
      charts.set(name, new Chart(title, Boolean(isLarge)));
      // It has a width only where it will be.
      holder.append(charts.get(name).element);
    }
    charts.get(name).show(timestamps, step, lines, format);
  }
  holder.append(...CHARTS.filter(({ name }) => charts.has(name))
    .map(({ name }) => charts.get(name).element));
  for (const chart of charts.values()) chart.resize();
}

function say(text) {
  problem.hidden = text === "";
  if (problem.textContent !== text) problem.textContent = text;
}

async function load(wanted) {
  const query = section.dataset.query ? `&${section.dataset.query}` : "";
  const answer = await ask(at(`api/history?range=${wanted}${query}`));
  const found = await answer.json();
  if (wanted !== range) return;
  const isEmpty = Object.keys(found.charts).length === 0;
  show(found);
  say(isEmpty ? `Prometheus knows nothing of the last ${wanted} yet.` : "");
  const next = (found.timestamps.at(-1) + found.step) * 1000 - Date.now();
  askAt = performance.now() + (isEmpty ? AGAIN_MS : Math.max(AGAIN_MS, next));
}

// Asks when there may be new points, or at once after another range was chosen.
export async function showHistory() {
  if (section === null || performance.now() < askAt || asking === range) return;
  section.hidden = false;
  const wanted = range;
  asking = wanted;
  try {
    await load(wanted);
  } catch (error) {
    say(`No history for now: ${error.message}.`);
    askAt = performance.now() + AGAIN_MS;
  }
  if (asking === wanted) asking = null;
}

function choose(wanted) {
  range = wanted;
  for (const button of buttons) {
    button.setAttribute("aria-pressed", String(button.dataset.range === wanted));
  }
  askAt = 0;
}

if (section !== null) {
  choose(range);
  for (const button of buttons) {
    button.addEventListener("click", () => {
      history.replaceState(null, "", `#${button.dataset.range}`);
      choose(told());
      showHistory();
    });
  }
  addEventListener("hashchange", () => {
    choose(told());
    showHistory();
  });
  new ResizeObserver(() => {
    for (const chart of charts.values()) chart.resize();
  }).observe(holder);
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    for (const chart of charts.values()) chart.redraw();
  });
}
