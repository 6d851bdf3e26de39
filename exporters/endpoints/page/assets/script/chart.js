// Draws one chart with uPlot: lines over time, a legend with values, arrow keys as well as a mouse.

import { UNKNOWN } from "./units.js";

const MOST_TICKS_PX = 70;
const SMALL_HEIGHT = 150;
const LARGE_HEIGHT = 220;
// What the labels beside a chart take: `4.00 PH/s`, or a number.
const LARGE_LABELS = 80;
const SMALL_LABELS = 44;
// What the line of labels below a chart takes.
const TIME_LABELS = 20;

const style = () => getComputedStyle(document.documentElement);
const color = (name) => style().getPropertyValue(`--${name}`).trim();

const pad = (number) => String(number).padStart(2, "0");
const MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".split(" ");

// In the time of whoever looks; a day is named where it begins.
function timeText(unix, withDay) {
  const date = new Date(unix * 1000);
  const day = `${date.getDate()} ${MONTHS[date.getMonth()]}`;
  const hour = `${pad(date.getHours())}:${pad(date.getMinutes())}`;
  return withDay ? `${day}, ${hour}` : hour === "00:00" ? day : hour;
}

function axes(format, step, width) {
  const font = "12px system-ui, sans-serif";
  const common = {
    font,
    stroke: () => color("muted"),
    grid: { stroke: () => color("line"), width: 1 },
    ticks: { show: false },
  };
  return [
    {
      ...common,
      size: TIME_LABELS,
      gap: 6,
      space: MOST_TICKS_PX,
      values: (_, splits) => splits.map((unix) => step >= 3600
        ? `${new Date(unix * 1000).getDate()} ${MONTHS[new Date(unix * 1000).getMonth()]}`
        : timeText(unix, false)),
      ...(step >= 3600 ? { incrs: [86400, 2 * 86400, 5 * 86400, 10 * 86400] } : {}),
    },
    { ...common, size: width, space: 34, values: (_, splits) => splits.map(format) },
  ];
}

// From 0, so that a small dip looks small.
const fromZero = (_, __, most) => [0, most > 0 ? most * 1.08 : 1];

// A point between two gaps is no line, and is drawn as a dot.
function alone(plot, series) {
  const values = plot.data[series];
  const isGap = (index) => (values[index] ?? null) === null;
  return values.flatMap((_, index) =>
    !isGap(index) && isGap(index - 1) && isGap(index + 1) ? [index] : []);
}

function seriesOf({ label, tone, dashed, filled }) {
  return {
    label,
    stroke: () => color(tone),
    width: 2,
    dash: dashed ? [6, 4] : undefined,
    fill: filled ? () => color(`${tone}-fill`) : undefined,
    points: { show: true, size: 5, fill: () => color(tone), filter: alone },
    spanGaps: false,
  };
}

export class Chart {
  #plot = null;
  #figure = document.createElement("figure");
  #values = [];
  #time = document.createElement("span");
  #canvas = document.createElement("div");
  #content = null;

  constructor(title, isLarge) {
    this.title = title;
    this.isLarge = isLarge;
    const caption = document.createElement("figcaption");
    const name = document.createElement("h3");
    name.textContent = title;
    this.#time.className = "moment";
    this.legend = document.createElement("ul");
    this.legend.className = "legend";
    caption.append(name, this.#time, this.legend);
    this.#canvas.className = "plot";
    this.#canvas.tabIndex = 0;
    this.#canvas.setAttribute("role", "img");
    this.#canvas.addEventListener("keydown", (event) => this.#move(event));
    this.#canvas.addEventListener("blur", () => this.#plot?.setCursor({ left: -10, top: -10 }));
    this.#figure.className = isLarge ? "large" : "";
    this.#figure.append(caption, this.#canvas);
  }

  get element() {
    return this.#figure;
  }

  // `lines` are { label, tone, dashed, filled, values }.
  show(timestamps, step, lines, format) {
    this.#content = { timestamps, step, lines, format };
    const data = [timestamps, ...lines.map(({ values }) => values)];
    const kinds = JSON.stringify([step, lines.map(({ label }) => label)]);
    if (this.#plot !== null && this.kinds === kinds) {
      this.#plot.setData(data);
    } else {
      this.kinds = kinds;
      this.#plot?.destroy();
      this.#nameLines(lines);
      this.#plot = new uPlot(this.#options(lines, format, step), data, this.#canvas);
    }
    this.#showValues(null);
  }

  redraw() {
    this.#plot?.redraw(false);
  }

  resize() {
    const width = this.#canvas.clientWidth;
    if (this.#plot !== null && width > 0 && width !== this.#plot.width) {
      this.#plot.setSize({ width, height: this.#height });
    }
  }

  get #height() {
    return this.isLarge ? LARGE_HEIGHT : SMALL_HEIGHT;
  }

  #options(lines, format, step) {
    return {
      width: Math.max(200, this.#canvas.clientWidth),
      height: this.#height,
      legend: { show: false },
      // One cursor for all charts, so that all show the same moment.
      cursor: { sync: { key: "history" }, drag: { x: false, y: false }, y: false },
      scales: { y: { range: fromZero } },
      axes: axes(format, step, this.isLarge ? LARGE_LABELS : SMALL_LABELS),
      padding: [8, 20, 0, 0],
      series: [{}, ...lines.map(seriesOf)],
      hooks: { setCursor: [({ cursor }) => this.#showValues(cursor.idx)] },
    };
  }

  #nameLines(lines) {
    this.#values = lines.map(() => document.createElement("b"));
    this.legend.replaceChildren(...lines.map(({ label, tone, dashed }, index) => {
      const item = document.createElement("li");
      item.dataset.tone = tone;
      if (dashed) item.dataset.dashed = "";
      const name = document.createElement("span");
      name.textContent = label;
      item.append(name, this.#values[index]);
      return item;
    }));
  }

  // The values at the cursor, else the newest.
  #showValues(index) {
    const { timestamps, lines, format } = this.#content;
    const last = lines.map(({ values }) => values.findLastIndex((value) => value !== null));
    const at = index ?? Math.max(...last);
    this.#time.textContent = index === null || index === undefined || at < 0
      ? "" : timeText(timestamps[at], true);
    const said = lines.map(({ label, values }, line) => {
      const value = at < 0 ? null : values[at];
      const text = value === null ? UNKNOWN : format(value);
      this.#values[line].textContent = text;
      return `${label} ${text}`;
    });
    const when = at < 0 ? "nothing is known" : `${timeText(timestamps[at], true)}: ${said.join(", ")}`;
    this.#canvas.setAttribute("aria-label", `${this.title}. ${when}`);
  }

  #move(event) {
    const steps = { ArrowLeft: -1, ArrowRight: 1, PageUp: -12, PageDown: 12 };
    const last = this.#content.timestamps.length - 1;
    const index = this.#plot.cursor.idx ?? last;
    const next = event.key === "Home" ? 0 : event.key === "End" ? last
      : event.key in steps ? Math.min(last, Math.max(0, index + steps[event.key])) : null;
    if (next === null) return;
    event.preventDefault();
    const left = this.#plot.valToPos(this.#content.timestamps[next], "x");
    this.#plot.setCursor({ left, top: this.#height / 2 });
  }
}
