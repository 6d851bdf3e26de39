// Keeps the page that the server rendered current, and adds history, alerts and the table of rows.

import { sayFiring, showAlerts } from "./alerts.js";
import { ask, here } from "./asking.js";
import { showHistory } from "./history.js";
import { isRecent, keep, rowsAt, show } from "./rows.js";
import { duration, time } from "./units.js";

const REFRESH_MS = 5_000;
// A snapshot may arrive between the summary and the rows; then both are asked for once more.
const ATTEMPTS = 3;
const PARTS = ["summary", "sources"];

const unreachable = document.getElementById("unreachable");
const live = new URL(here);
live.searchParams.set("live", "");

let answeredAt = performance.now();
let problem = null;
let titleOfPage = document.title;
let timer = null;
let busy = false;

// What comes as HTML, which the server has escaped.
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
const now = () => Number(summary().dataset.now) + elapsed();

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

async function refresh() {
  let next = null;
  let rows;
  for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
    next = new DOMParser().parseFromString(await (await ask(live)).text(), "text/html");
    const { moment } = next.getElementById("summary").dataset;
    rows = await rowsAt(moment, rows);
    if (rows.moment === moment || isRecent(rows)) break;
  }
  // The service was upgraded under this page.
  if (next.documentElement.dataset.build !== document.documentElement.dataset.build) {
    location.reload();
    return;
  }
  answeredAt = performance.now();
  sayFiring(next);
  for (const id of PARTS) {
    const part = document.getElementById(id);
    if (part !== null) patch(part, next.getElementById(id));
  }
  patch(document.querySelector("link[rel=icon]"), next.querySelector("link[rel=icon]"));
  titleOfPage = next.title;
  keep(rows, summary().dataset.state);
  show(now);
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
  showHistory();
  showAlerts();
  timer = setTimeout(cycle, REFRESH_MS);
}

document.addEventListener("visibilitychange", cycle);
setInterval(tick, 1_000);
cycle();
