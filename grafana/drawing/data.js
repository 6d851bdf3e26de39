// What a data source and a panel's settings make of a query, as far as the boards use it.
import {
  applyFieldOverrides, cacheFieldDisplayNames, createDataFrame, FieldConfigOptionsRegistry, FieldType, rangeUtil,
  standardTransformers, standardTransformersRegistry, transformDataFrame,
} from '@grafana/data';
import { lastValueFrom } from 'rxjs';

export const asked = new URLSearchParams(location.search);
const PROMETHEUS = asked.get('prometheus');
const SCRAPE_SECONDS = Number(asked.get('scrape'));
const END = Number(asked.get('end'));

standardTransformersRegistry.setInit(() =>
  [standardTransformers.mergeTransformer, standardTransformers.organizeFieldsTransformer].map((t) => ({ id: t.id, name: t.name, transformation: () => Promise.resolve(t) })));

const STANDARD = ['unit', 'min', 'max', 'decimals', 'displayName', 'color', 'links', 'noValue', 'mappings', 'thresholds'];

// A registry of exactly those settings that this panel has: each is taken as it is written.
function registry(config) {
  const custom = new Set(Object.keys(config.defaults.custom ?? {}));
  for (const { properties } of config.overrides)
    for (const { id } of properties) if (id.startsWith('custom.')) custom.add(id.slice(7));
  const item = (id, path, isCustom) => ({
    id, path, isCustom, name: id, process: (value) => value, override: null, editor: null,
    shouldApply: ({ type }) => !(isCustom && type === FieldType.time), // an axis's label is not that of time
  });
  return new FieldConfigOptionsRegistry(() => [
    ...STANDARD.map((id) => item(id, id, false)), ...[...custom].map((id) => item(`custom.${id}`, id, true)),
  ]);
}

async function ask(path, parameters) {
  const answer = await fetch(`${PROMETHEUS}/api/v1/${path}`, { method: 'POST', body: new URLSearchParams(parameters) });
  const said = await answer.json();
  if (said.status !== 'success') throw new Error(said.error);
  return said.data;
}

export const now = (query) => ask('query', { query, time: END }).then((data) => data.result);

// What each variable is when the board is opened.
export async function chosen(board) {
  const values = {};
  for (const variable of board.templating.list) {
    if (variable.type === 'datasource') values[variable.name] = 'Prometheus';
    else if (variable.includeAll) values[variable.name] = variable.allValue;
    else if (variable.type === 'query') values[variable.name] = await first(variable, values);
    else values[variable.name] = String(variable.current.value);
  }
  return values;
}

async function first({ query, regex }, values) {
  const [, selector, label] = /^label_values\((.+), (\w+)\)$/s.exec(query);
  const found = await now(`group by (${label}) (last_over_time(${fill(selector, values)}[1h]))`);
  const wanted = regex ? new RegExp(regex.slice(1, -1)) : /./;
  return found.map((one) => one.metric[label]).filter((name) => wanted.test(name)).sort()[0];
}

export const fill = (text, values) =>
  text.replace(/\$(?:\{(\w+)(?::\w+)?\}|(\w+))/g, (all, braced, bare) => values[braced ?? bare] ?? all);

export function timeRange(board) {
  const seconds = rangeUtil.intervalToSeconds(board.time.from.replace('now-', ''));
  return { seconds, from: (END - seconds) * 1000, to: END * 1000 };
}

// The frames of a panel, with everything that its settings say of them.
export async function frames(panel, values, range, width, theme) {
  const points = { from: { valueOf: () => range.from }, to: { valueOf: () => range.to } };
  const { intervalMs } = rangeUtil.calculateInterval(points, width, `${SCRAPE_SECONDS}s`);
  const step = intervalMs / 1000;
  const all = {
    ...values, __range: `${range.seconds}s`, __interval: `${step}s`,
    __rate_interval: `${Math.max(step + SCRAPE_SECONDS, 4 * SCRAPE_SECONDS)}s`,
  };
  const several = panel.targets.length > 1;
  const found = await Promise.all(panel.targets.map((target) => query(target, all, range, step, several)));
  const steps = (panel.transformations ?? []).map((t) => ({ id: t.id, options: t.options }));
  const transformed = await lastValueFrom(transformDataFrame(steps, found.flat()));
  const shown = applyFieldOverrides({
    data: transformed, fieldConfig: panel.fieldConfig, fieldConfigRegistry: registry(panel.fieldConfig),
    replaceVariables: (text) => fill(text, all), theme, timeZone: 'utc',
  });
  cacheFieldDisplayNames(shown);
  return shown;
}

async function query(target, values, range, step, several) {
  const expression = fill(target.expr, values);
  if (target.instant) {
    const found = await now(expression);
    return target.format === 'table' ? table(target, found, several) : found.map((one) =>
      frame(target, one.metric, [one.value], step));
  }
  const start = Math.floor(range.from / 1000 / step) * step;
  const { result } = await ask('query_range', { query: expression, start, end: range.to / 1000, step });
  return result.map((one) => frame(target, one.metric, one.values, step));
}

const number = (text) => (text === 'NaN' ? null : Number(text));

function frame(target, labels, values, step) {
  const name = target.legendFormat === '__auto' ? undefined
    : target.legendFormat.replace(/\{\{(\w+)\}\}/g, (_, label) => labels[label] ?? '');
  return createDataFrame({ refId: target.refId, name, fields: [
    { name: 'Time', type: FieldType.time, config: { interval: step * 1000 }, values: values.map(([at]) => at * 1000) },
    { name: 'Value', type: FieldType.number, labels, config: { displayNameFromDS: name }, values: values.map(([, v]) => number(v)) },
  ] });
}

function table(target, found, several) {
  const labels = [...new Set(found.flatMap((one) => Object.keys(one.metric)))].sort();
  if (found.length === 0) return [];
  return [createDataFrame({ refId: target.refId, fields: [
    { name: 'Time', type: FieldType.time, config: {}, values: found.map((one) => one.value[0] * 1000) },
    ...labels.map((name) => ({ name, type: FieldType.string, config: {}, values: found.map((one) => one.metric[name] ?? '') })),
    { name: several ? `Value #${target.refId}` : 'Value', type: FieldType.number, config: {}, values: found.map((one) => number(one.value[1])) },
  ] })];
}
