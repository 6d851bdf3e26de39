// Each type of panel, by Grafana's own component where its packages have one.
import { getDisplayValueAlignmentFactors, getFieldDisplayValues } from '@grafana/data';
import { BigValue, TimeSeries, VizRepeater } from '@grafana/ui';
import { TableNG } from '@grafana/ui/unstable';

const same = (text) => text;

export const Stat = ({ panel, frames, width, height, theme }) => (
  <VizRepeater
    getValues={() => getFieldDisplayValues({
      fieldConfig: panel.fieldConfig, reduceOptions: panel.options.reduceOptions, replaceVariables: same,
      theme, data: frames, timeZone: 'utc',
    })}
    getAlignmentFactors={getDisplayValueAlignmentFactors}
    renderValue={({ value, width, height, count, alignmentFactors }) => (
      <BigValue
        value={value.display} count={count} width={width} height={height} theme={theme}
        alignmentFactors={alignmentFactors} colorMode={panel.options.colorMode} graphMode="none"
        justifyMode={panel.options.justifyMode} textMode={panel.options.textMode} disableWideLayout={!panel.options.wideLayout}
      />
    )}
    source={frames} renderCounter={1} width={width} height={height} itemSpacing={3} autoGrid
    orientation={panel.options.orientation}
  />
);

export const Graph = ({ panel, frames, width, height, range }) => (
  <TimeSeries
    frames={frames} timeRange={range} timeZone="utc" width={width} height={height}
    legend={panel.options.legend} options={panel.options}
  />
);

export const Table = ({ panel, frames, width, height }) => (
  <TableNG
    data={frames[0]} width={width} height={height} noHeader={!panel.options.showHeader}
    sortBy={panel.options.sortBy} cellHeight={panel.options.cellHeight} fieldConfig={panel.fieldConfig}
    enablePagination={panel.options.footer.enablePagination} noValue={panel.fieldConfig.defaults.noValue}
  />
);

// Grafana has the state timeline in its server only: bars of our own, by the same values and colours.
export const StateTimeline = ({ frames, width, height, range, theme }) => {
  const left = 120;
  const scale = (width - left) / (range.to.valueOf() - range.from.valueOf());
  return (
    <div>
      {frames.map((frame) => {
        const [times, values] = frame.fields;
        const bar = Math.min(40, (height - 20) / frames.length - 4);
        return (
          <div key={frame.name} style={{ position: 'relative', height: bar, marginBottom: 4 }}>
            <span style={{ fontSize: 12 }}>{frame.name}</span>
            {values.values.map((value, at) => {
              const { color, text } = values.display(value);
              const until = times.values[at + 1] ?? range.to.valueOf();
              const most = Math.min(until, times.values[at] + 2 * times.config.interval);
              return (
                <div key={at} title={text} style={{
                  position: 'absolute', top: 0, height: bar, background: theme.visualization.getColorByName(color),
                  left: left + (times.values[at] - range.from.valueOf()) * scale,
                  width: (most - times.values[at]) * scale + 0.5,
                }} />
              );
            })}
          </div>
        );
      })}
    </div>
  );
};

// The list of alerts asks Grafana's server too: here are Prometheus' own, as a list of names and labels.
export const AlertList = ({ alerts, panel, theme }) => (
  <div style={{ overflow: 'auto', height: '100%' }}>
    {alerts.length === 0 && 'No alerts matching filters'}
    {alerts.slice(0, panel.options.maxItems).map(({ metric: { __name__, alertname, alertstate, severity, job, ...labels } }, n) => (
      <div key={n} style={{ padding: '4px 8px', marginBottom: 4, background: theme.colors.background.secondary }}>
        <b style={{ color: theme.colors.error.text }}>♥</b> {alertname}
        <div style={{ fontSize: 12, color: theme.colors.text.secondary }}>
          {severity} · {Object.values(labels).join(' · ') || job}
        </div>
      </div>
    ))}
  </div>
);
