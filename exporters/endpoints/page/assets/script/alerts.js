// Shows the alerts that fire, each with its entry in the runbook, and says so in the headline.

import { ask, at } from "./asking.js";
import { minerPath } from "./rows.js";
import { count, duration } from "./units.js";

const section = document.getElementById("alerts");
const EVERY_MS = 15_000;
// More are in the Alertmanager, with silences and all.
const MOST_SHOWN = 8;
// Labels of the scrape say nothing to whoever looks for a miner.
const UNSAID = new Set(["job", "instance"]);
// As SHORT_NAME in markup.py: a name that is not broken at a hyphen.
const SHORT_NAME = 20;

// On the page of one miner or connection, only its own alerts are shown.
const subject = new URLSearchParams(document.getElementById("history")?.dataset.query);
const labels = { name: subject.get("miner"), downstream_id: subject.get("connection") };
const isShown = (alert) => Object.entries(labels)
  .every(([label, value]) => value === null || alert.labels[label] === value);

// As `.state.critical` and `.state.warning` are in page.css; an icon has no style sheet.
const CRITICAL_ICON = "%23d22";
const GOOD_ICON = "%232a4";
const WARNING_ICON = "%23e80";
// The table of miners, whose pages are linked.
const OF_MINERS = document.querySelector("[data-list=miners]") !== null;

let askedAt = -Infinity;
let firing = { total: 0, critical: 0, warning: 0 };

// Such as `3 alerts are firing, 1 of them critical`.
function firingText() {
  const { total, critical } = firing;
  const all = critical && critical === total ? `${count(total)} critical` : count(total);
  const some = critical && critical < total ? `, ${count(critical)} of them critical` : "";
  return total === 1 ? `${all} alert is firing` : `${all} alerts are firing${some}`;
}

// The server knows the sources only: whoever reads nothing else reads in the headline what fires.
export function sayFiring(page) {
  if (section === null) return;
  const state = page.querySelector("#summary .state");
  state.classList.toggle("critical", firing.critical > 0);
  state.classList.toggle("warning", firing.warning > 0);
  const text = firing.total ? ` ${firingText()}.` : "";
  for (const said of state.querySelectorAll(".headline, [role=status]")) {
    const span = said.querySelector(".firing") ?? said.appendChild(element("span", "firing"));
    if (span.textContent !== text) span.textContent = text;
  }
  const icon = page.querySelector("link[rel=icon]");
  if (firing.critical) icon.href = icon.href.replace(/%23[0-9a-f]{3}/, CRITICAL_ICON);
  else if (firing.warning) icon.href = icon.href.replace(GOOD_ICON, WARNING_ICON);
}

function element(tag, className, text = "") {
  const made = document.createElement(tag);
  made.className = className;
  made.textContent = text;
  return made;
}

function named(label, value) {
  const name = element("bdi", value.length <= SHORT_NAME ? "whole" : "", value);
  const path = OF_MINERS && label === "name" ? minerPath(value) : null;
  if (path === null) return name;
  const link = element("a", "");
  link.href = at(path);
  link.append(name);
  return link;
}

function item(alert) {
  const li = element("li", "");
  const said = Object.entries(alert.labels).filter(([name]) => !UNSAID.has(name))
    .flatMap(([label, value], index) => [`${index ? "," : ""} ${label} `, named(label, value)]);
  const name = element(alert.runbook === null ? "span" : "a", "alert", alert.alert);
  if (alert.runbook !== null) name.href = at(alert.runbook);
  const details = element("p", "details");
  const since = alert.since === null ? ""
    : ` for ${duration(Date.now() / 1000 - alert.since)}`;
  details.append(name, ...said, since);
  const severity = element("span", `badge ${alert.severity}`, alert.severity);
  const summary = element("p", "summary");
  summary.append(severity, element("bdi", "", alert.summary));
  li.append(summary, details);
  li.title = alert.description;
  return li;
}

export async function showAlerts() {
  if (section === null || performance.now() - askedAt < EVERY_MS) return;
  askedAt = performance.now();
  const answer = await ask(at("api/alerts")).catch(() => null);
  // Charts say why Prometheus does not answer; what fired before may fire still.
  if (answer === null) return;
  const told = await answer.json();
  const alerts = told.alerts.filter(isShown);
  const total = alerts.length < told.alerts.length ? alerts.length : told.total;
  const of = (wanted) => alerts.filter(({ severity }) => severity === wanted).length;
  firing = { total, critical: of("critical"), warning: of("warning") };
  sayFiring(document);
  section.hidden = total === 0;
  const ul = element("ul", "alerts");
  ul.append(...alerts.slice(0, MOST_SHOWN).map(item));
  const rest = total - Math.min(MOST_SHOWN, alerts.length);
  if (rest) ul.append(element("li", "rest", `and ${count(rest)} more.`));
  section.replaceChildren(element("h2", "", firingText()), ul);
}
