// Draws what the panels of a dashboard show on one sheet, as SVG: a look at them where there is no Grafana.

const CELL = { w: 40, h: 26 };
const GAP = 6;
const HEAD = 66;
const COLOURS = [
  '#3274d9',
  '#56a64b',
  '#e0752d',
  '#a352cc',
  '#e02f44',
  '#b8860b',
  '#0a7c86',
  '#777777',
  '#8ab8ff',
  '#f29191',
  '#5c3a1e',
  '#c0d8ff',
];
const THRESHOLDS = { red: '#e02f44', green: '#37872d', blue: '#3274d9' };
const LEGENDS_MAX = 12;
const LEGEND_CHARS = 22;
const DECIMAL = [
  [1e9, ' G'],
  [1e6, ' M'],
  [1e3, ' k'],
];
const BINARY = [
  [2 ** 30, ' Gi'],
  [2 ** 20, ' Mi'],
  [2 ** 10, ' Ki'],
];

/** A figure with its unit, short. */
export function shown(value, unit) {
  if (value === undefined || Number.isNaN(value)) return 'no data';
  if (unit === 'percentunit') return `${Number((value * 100).toPrecision(value > 0.99 ? 4 : 3))} %`;
  if (value === 0) return '0';
  if (unit === 's') {
    return Math.abs(value) < 1 ? `${short(value * 1000)} ms` : `${short(value)} s`;
  }
  const isBytes = unit === 'bytes' || unit === 'Bps';
  const steps = unit === 'bytes' ? BINARY : DECIMAL;
  const [by, letter] = steps.find(([limit]) => Math.abs(value) >= limit) ?? [1, isBytes ? ' ' : ''];
  const suffix = { ops: '/s', Bps: 'B/s', bytes: 'B', d: ' d' }[unit] ?? '';
  return `${short(value / by)}${letter}${suffix}`;
}

function short(value) {
  return Number(value.toPrecision(3));
}

/**
 * The sheet.
 *
 * @param panels each a panel of the dashboard with `series`: legend and points `[seconds, value]`
 * @param marks what happened when: `{at, what}`, in seconds
 */
export function sheet(title, panels, marks = []) {
  const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * CELL.h + HEAD + 6;
  const width = 24 * CELL.w + 2 * GAP;
  const times = panels.flatMap(({ series = [] }) =>
    series.flatMap(({ points }) => points.map(([at]) => at)),
  );
  // All have one axis: what happened only for a moment is seen to.
  const span = { from: minOf(times), to: -minOf(times.map((at) => -at)), marks };
  const drawn = panels.map((panel) => drawPanel(panel, span)).join('');
  const happened = marks.map(({ what }, i) => `${i + 1} ${what}`).join(' · ');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans" font-size="11"><rect width="100%" height="100%" fill="#f4f5f5"/><text x="10" y="28" font-size="18" font-weight="bold">${escaped(title)}</text><text x="10" y="48" fill="#777">${escaped(happened)}</text>${drawn}</svg>`;
}

function drawPanel({ type, title, gridPos, series = [], fieldConfig }, span) {
  const x = gridPos.x * CELL.w + GAP;
  const y = gridPos.y * CELL.h + HEAD;
  const w = gridPos.w * CELL.w - GAP;
  const h = gridPos.h * CELL.h - GAP;
  if (type === 'row') {
    return `<text x="${x + 4}" y="${y + 17}" font-size="13" font-weight="bold" fill="#444">${escaped(title)}</text>`;
  }
  const { defaults } = fieldConfig;
  const body =
    type === 'stat'
      ? drawFigure(series, defaults, w, h)
      : drawChart(series, defaults, { w, h }, span);
  return `<g transform="translate(${x},${y})"><rect width="${w}" height="${h}" rx="3" fill="#fff" stroke="#ddd"/><text x="8" y="17" font-weight="bold">${escaped(title)}</text>${body}</g>`;
}

function drawFigure(series, { unit, thresholds }, w, h) {
  const value = series[0]?.points.at(-1)?.[1];
  const reached = thresholds.steps.filter((step) => step.value === null || value >= step.value);
  const colour = THRESHOLDS[reached.at(-1).color];
  return `<text x="${w / 2}" y="${h / 2 + 18}" font-size="22" text-anchor="middle" fill="${colour}">${shown(value, unit)}</text>`;
}

function drawChart(series, { unit, noValue = 'no data' }, { w, h }, { from, to, marks }) {
  const points = series.flatMap((each) => each.points);
  if (points.length === 0) {
    return `<text x="${w / 2}" y="${h / 2}" text-anchor="middle" fill="#999">${noValue}</text>`;
  }
  const legends = series.slice(0, LEGENDS_MAX);
  const legendRows = Math.ceil(legends.length / 2);
  const plot = { x: 58, y: 28, w: w - 68, h: h - 42 - legendRows * 13 };
  const px = (at) => plot.x + ((at - from) / (to - from || 1)) * plot.w;
  const most = topOf(Math.max(...points.map(([, value]) => value)), unit);
  const py = (value) => plot.y + plot.h - (value / most) * plot.h;
  const grid = [0, 0.5, 1].map((part) => {
    const at = py(most * part);
    return `<line x1="${plot.x}" x2="${plot.x + plot.w}" y1="${at}" y2="${at}" stroke="#eee"/><text x="${plot.x - 4}" y="${at + 4}" text-anchor="end" font-size="9" fill="#777">${shown(most * part, unit)}</text>`;
  });
  const happened = marks
    .filter(({ at }) => at >= from && at <= to)
    .map(
      ({ at, number }) =>
        `<line x1="${px(at)}" x2="${px(at)}" y1="${plot.y}" y2="${plot.y + plot.h}" stroke="#bbb" stroke-dasharray="2 2"/><text x="${px(at) + 2}" y="${plot.y + 7}" font-size="8" fill="#999">${number}</text>`,
    );
  const lines = series.map((each, i) => drawLine(each.points, COLOURS[i % COLOURS.length], px, py));
  const top = plot.y + plot.h + 18;
  const names = legends.map(({ legend }, i) => {
    const isLast = i === LEGENDS_MAX - 1 && series.length > LEGENDS_MAX;
    const text = isLast ? `and ${series.length - i} more` : `${legend}`.slice(0, LEGEND_CHARS);
    const [lx, ly] = [10 + (i % 2) * (w / 2), top + Math.floor(i / 2) * 13];
    return `<rect x="${lx}" y="${ly - 7}" width="8" height="3" fill="${COLOURS[i]}"/><text x="${lx + 12}" y="${ly - 2}" font-size="9">${escaped(text)}</text>`;
  });
  return [...grid, ...happened, ...lines, ...names].join('');
}

function minOf(values) {
  return values.reduce((least, value) => Math.min(least, value), Infinity);
}

/** The top of an axis: room above the highest, but none above all of something. */
function topOf(highest, unit) {
  const most = highest * 1.1 || 1;
  return unit === 'percentunit' && highest <= 1 ? Math.min(1, most) : most;
}

/** A lone point would be a line without length. */
function drawLine(points, colour, px, py) {
  const at = points.map(([time, value]) => `${px(time).toFixed(1)},${py(value).toFixed(1)}`);
  if (at.length === 1) {
    const [x, y] = at[0].split(',');
    return `<circle cx="${x}" cy="${y}" r="1.5" fill="${colour}"/>`;
  }
  return `<polyline points="${at.join(' ')}" fill="none" stroke="${colour}" stroke-width="1.4"/>`;
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
