// Draws boards into pictures: node draw.mjs PROMETHEUS END SCRAPE FOLDER [BOARD [WIDTH [THEME]]]
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { join } from 'node:path';

import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';
import UPNG from 'upng-js';

const HERE = import.meta.dirname;
const COLOURS = 128;
const PAGE = 12_000; // px: tables draw only the rows that are in view
const SLOW_MS = 120_000;
const TYPES = { js: 'text/javascript', css: 'text/css', json: 'application/json', svg: 'image/svg+xml' };
const HTML = '<!doctype html><link rel=stylesheet href=/board.css><div id=board></div>'
  + '<script>window.__grafana_public_path__="/public/"</script><script type=module src=/board.js></script>';

const [prometheus, end, scrape, folder, ...only] = process.argv.slice(2);
const [boards, widths, themes] = [['proxy', 'miner', 'pool', 'pipeline', 'fleet'], ['1280', '390'], ['dark', 'light']]
  .map((all, n) => (only[n] ? [only[n]] : all));

const bundle = await build({
  entryPoints: [join(HERE, 'board.jsx')], bundle: true, format: 'esm', write: false, outdir: '/',
  jsx: 'automatic', loader: { '.woff2': 'dataurl', '.woff': 'empty', '.ttf': 'empty', '.svg': 'dataurl' }, logLevel: 'error',
  define: { 'process.env.NODE_ENV': '"production"' },
});
const made = Object.fromEntries(bundle.outputFiles.map((file) => [file.path, file.contents]));

async function page(path) {
  if (path === '/') return HTML;
  if (made[path]) return made[path];
  if (path.startsWith('/boards/')) return readFile(join(HERE, '../dashboards', path.slice(8)));
  return readFile(join(HERE, 'node_modules/@grafana/ui/dist/public/img/icons', path.replace('/public/build/img/icons', '')));
}

// A palette in place of every shade between two colours: half the bytes, and nothing that is seen.
function small(png) {
  const image = UPNG.decode(png);
  return Buffer.from(UPNG.encode(UPNG.toRGBA8(image), image.width, image.height, COLOURS));
}

const server = createServer((request, answer) => {
  const { pathname } = new URL(request.url, 'http://localhost');
  page(pathname).then((body) => {
    answer.setHeader('Content-Type', TYPES[pathname.split('.').pop()] ?? 'text/html; charset=utf-8');
    answer.end(body);
  }, () => answer.writeHead(404).end());
}).listen(0, '127.0.0.1');
await new Promise((listening) => server.once('listening', listening));

const browser = await puppeteer.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium', args: ['--no-sandbox', '--hide-scrollbars'],
});
for (const board of boards) for (const width of widths) for (const theme of themes) {
  const tab = await browser.newPage();
  tab.on('pageerror', (error) => { console.error(`${board}: ${error.stack ?? error}`); process.exitCode = 1; });
  await tab.setViewport({ width: Number(width), height: PAGE });
  const query = new URLSearchParams({ board, theme, prometheus, end, scrape });
  await tab.goto(`http://127.0.0.1:${server.address().port}/?${query}`);
  await tab.waitForSelector('[data-drawn], [data-failed]', { timeout: SLOW_MS });
  const { drawn, empty, failed } = await tab.evaluate(() => ({ ...document.body.dataset }));
  if (failed) throw new Error(`${board}: ${failed}`);
  if (width === widths[0] && theme === themes[0] && empty) console.log(`${board}: nothing to draw in ${empty}`);
  const cuts = drawn.split(',').map(Number);
  for (const [n, top] of cuts.slice(0, -1).entries()) {
    const path = join(folder, `${board}-${width}-${theme}-${n + 1}.png`);
    const clip = { x: 0, y: top, width: Number(width), height: cuts[n + 1] - top };
    await writeFile(path, small(await tab.screenshot({ clip, captureBeyondViewport: true })));
    console.log(path);
  }
  await tab.close();
}
await browser.close();
server.close();
