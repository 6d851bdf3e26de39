// One board, laid out as Grafana does it; the address says which, how, and as of when.
import '@fontsource/inter/400.css';
import '@fontsource/inter/500.css';
import { createTheme, dateTime, EventBusSrv, ThemeContext } from '@grafana/data';
import { GlobalStyles, PanelChrome, PanelContextProvider } from '@grafana/ui';
import { createRoot } from 'react-dom/client';

import { asked, chosen, fill, frames, now, timeRange } from './data.js';
import { AlertList, Graph, StateTimeline, Stat, Table } from './panels.jsx';

const COLUMNS = 24, ROW = 30, GAP = 8, MARGIN = 16, PHONE = 768, TILE = 1500;
const KINDS = { stat: Stat, timeseries: Graph, table: Table, 'state-timeline': StateTimeline, alertlist: AlertList };

const theme = createTheme({ colors: { mode: asked.get('theme') } });
const page = window.innerWidth - 2 * MARGIN;
const isPhone = window.innerWidth < PHONE;

function place({ x, y, w, h }, top) {
  const column = (page - GAP * (COLUMNS - 1)) / COLUMNS;
  const height = h * (ROW + GAP) - GAP;
  if (isPhone) return { left: MARGIN, top, width: page, height };
  return { left: MARGIN + x * (column + GAP), top: 90 + y * (ROW + GAP), width: w * (column + GAP) - GAP, height };
}

async function drawn(board, values, panel, box) {
  const seconds = timeRange(board);
  const range = { from: dateTime(seconds.from).utc(), to: dateTime(seconds.to).utc(), raw: { from: board.time.from, to: 'now' } };
  if (panel.type === 'alertlist')
    return { panel, box, range, alerts: await now(`ALERTS{alertstate="firing",${fill(panel.options.alertInstanceLabelFilter, values).slice(1)}`) };
  return { panel, box, range, frames: panel.targets ? await frames(panel, values, seconds, Math.round(box.width), theme) : [] };
}

const Panel = ({ panel, box, ...found }) => {
  const Kind = KINDS[panel.type];
  const isEmpty = found.frames?.length === 0 && panel.type !== 'stat';
  return (
    <div style={{ position: 'absolute', ...box }}>
      <PanelChrome width={box.width} height={box.height} title={panel.title} description={panel.description}>
        {(width, height) => isEmpty
          ? <div style={{ height, display: 'grid', placeItems: 'center' }}>{panel.fieldConfig.defaults.noValue ?? 'No data'}</div>
          : <Kind panel={panel} width={width} height={height} theme={theme} {...found} />}
      </PanelChrome>
    </div>
  );
};

const Title = ({ panel, box }) => <h4 style={{ position: 'absolute', ...box, margin: 0 }}>⌄ {panel.title}</h4>;

const Head = ({ board, values }) => (
  <div style={{ padding: '8px 16px', display: 'flex', flexWrap: 'wrap', gap: 8, alignItems: 'center' }}>
    <b>{board.title}</b>
    {board.templating.list.map((v) => (
      <span key={v.name} style={{ background: theme.colors.background.secondary, padding: '4px 8px' }}>
        {v.label ?? v.name}: {v.includeAll ? 'All' : v.type === 'custom' ? v.current.text : values[v.name]}
      </span>
    ))}
    <span style={{ marginLeft: 'auto' }}>{board.time.from} · {board.links.map((link) => link.title).join(' · ')}</span>
  </div>
);

// Where pictures end: between panels, and none is higher than it can be looked at whole.
function cuts(boxes, bottom) {
  const between = boxes.map(({ top }) => top - GAP / 2)
    .filter((y) => !boxes.some(({ top, height }) => top < y && y < top + height)).sort((a, b) => a - b);
  const found = [0];
  for (const [n, y] of between.entries())
    if ((between[n + 1] ?? bottom) - found.at(-1) > TILE && y > found.at(-1)) found.push(y);
  return [...found, bottom];
}

async function main() {
  const board = await (await fetch(`/boards/${asked.get('board')}.json`)).json();
  const values = await chosen(board);
  let top = 260;
  const panels = await Promise.all(board.panels.map((panel) => {
    const box = place(panel.gridPos, top);
    top += box.height + GAP;
    return drawn(board, values, { ...panel, title: fill(panel.title, values) }, box);
  }));
  const bottom = Math.max(...panels.map(({ box }) => box.top + box.height));
  createRoot(document.getElementById('board')).render(
    <ThemeContext.Provider value={theme}>
      <GlobalStyles />
      <PanelContextProvider value={{ eventsScope: 'global', eventBus: new EventBusSrv() }}>
        <Head board={board} values={values} />
        {panels.map((one) => one.panel.type === 'row'
          ? <Title key={one.panel.id} {...one} /> : <Panel key={one.panel.id} {...one} />)}
        <div style={{ height: bottom }} />
      </PanelContextProvider>
    </ThemeContext.Provider>);
  document.body.dataset.empty = panels.filter(({ panel, frames }) => panel.type !== 'row' && frames?.length === 0).map(({ panel }) => panel.title).join(', ');
  await document.fonts.ready;
  setTimeout(() => { document.body.dataset.drawn = cuts(panels.map(({ box }) => box), bottom + MARGIN); }, 1500);
}

main().catch((error) => { document.body.dataset.failed = error.stack; });
