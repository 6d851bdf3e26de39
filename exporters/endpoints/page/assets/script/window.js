// Says which rows of a long table are in view, so that only those are laid out.

// Rows beyond each edge, so that a little scrolling shows rows that are there already. The range
// moves by as many at once, so that a little scrolling changes nothing.
const SPARE_ROWS = 8;
// Before the first row is laid out.
const GUESSED_HEIGHT = 34;

let height = GUESSED_HEIGHT;

// The range of rows in view; all rows have one height, which the style sheet holds.
export function inView(body, total) {
  const row = body.querySelector("tr:not(.space)");
  if (row !== null && row.offsetHeight > 0) height = row.offsetHeight;
  const top = body.getBoundingClientRect().top;
  const clamp = (index) => Math.min(total, Math.max(0, index));
  const most = (Math.ceil(innerHeight / height / SPARE_ROWS) + 3) * SPARE_ROWS;
  const above = (Math.floor(-top / height / SPARE_ROWS) - 1) * SPARE_ROWS;
  // Where there are fewer rows than before, the page is about to be as short as they are.
  const first = clamp(Math.min(above, total - most));
  return { first, last: clamp(first + most), height };
}

const space = () => {
  const tr = document.createElement("tr");
  tr.className = "space";
  tr.setAttribute("aria-hidden", "true");
  tr.insertCell().colSpan = 99;
  return tr;
};
const above = space();
const below = space();

// The rows between two empty ones, which are as high as all the rows that are not there.
export function spacers(rows, before, after, rowHeight) {
  above.firstChild.style.height = `${before * rowHeight}px`;
  below.firstChild.style.height = `${after * rowHeight}px`;
  return [...(before ? [above] : []), ...rows, ...(after ? [below] : [])];
}

export function onScroll(action) {
  let waiting = false;
  const soon = () => {
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => {
      waiting = false;
      action();
    });
  };
  addEventListener("scroll", soon, { passive: true });
  addEventListener("resize", soon, { passive: true });
}
