// Draws what the panels of a dashboard show on one sheet, as SVG: a look at them where there is no Grafana.

const CELL = { w: 40, h: 28 };
const GAP = 6;
const COLOURS = [
  '#3274d9',
  '#56a64b',
  '#e0752d',
  '#a352cc',
  '#e02f44',
  '#b8860b',
  '#0a7c86',
  '#777',
];
const LEGENDS_MAX = 8;

/** A figure with its unit, short. */
export function shown(value, unit) {
  if (value === undefined || Number.isNaN(value)) return 'no data';
  if (unit === 'percentunit') return `${(value * 100).toFixed(value < 0.999 ? 1 : 2)} %`;
  if (unit === 's')
    return value < 1 ? `${(value * 1000).toPrecision(3)} ms` : `${value.toPrecision(3)} s`;
  const suffix = { ops: '/s', Bps: ' B/s', bytes: ' B', d: ' d' }[unit] ?? '';
  const steps = [
    [1e9, 'G'],
    [1e6, 'M'],
    [1e3, 'k'],
  ];
  const [by, letter] = steps.find(([limit]) => Math.abs(value) >= limit) ?? [1, ''];
  return `${Number((value / by).toPrecision(3))}${letter}${suffix}`;
}

/**
 * The sheet.
 *
 * @param panels each a panel of the dashboard with `series`: legend and points `[seconds, value]`
 */
export function sheet(title, panels) {
  const height = Math.max(...panels.map(({ gridPos: { y, h } }) => y + h)) * CELL.h + 50;
  const width = 24 * CELL.w + 2 * GAP;
  const drawn = panels.map((panel) => drawPanel(panel)).join('');
  return `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" font-family="DejaVu Sans" font-size="11"><rect width="100%" height="100%" fill="#f4f5f5"/><text x="10" y="28" font-size="18" font-weight="bold">${escaped(title)}</text>${drawn}</svg>`;
}

function drawPanel({ type, title, gridPos, series = [], fieldConfig }) {
  const x = gridPos.x * CELL.w + GAP;
  const y = gridPos.y * CELL.h + 44;
  const w = gridPos.w * CELL.w - GAP;
  const h = gridPos.h * CELL.h - GAP;
  if (type === 'row') {
    return `<text x="${x + 4}" y="${y + 17}" font-size="13" font-weight="bold" fill="#444">${escaped(title)}</text>`;
  }
  const { unit } = fieldConfig.defaults;
  const body = type === 'stat' ? drawFigure(series, unit, w, h) : drawChart(series, unit, w, h);
  return `<g transform="translate(${x},${y})"><rect width="${w}" height="${h}" rx="3" fill="#fff" stroke="#ddd"/><text x="8" y="17" font-weight="bold">${escaped(title)}</text>${body}</g>`;
}

function drawFigure(series, unit, w, h) {
  const text = shown(series[0]?.points.at(-1)?.[1], unit);
  return `<text x="${w / 2}" y="${h / 2 + 18}" font-size="22" text-anchor="middle" fill="#3274d9">${text}</text>`;
}

function drawChart(series, unit, w, h) {
  const points = series.flatMap((each) => each.points);
  if (points.length === 0) {
    return `<text x="${w / 2}" y="${h / 2}" text-anchor="middle" fill="#999">no data</text>`;
  }
  const legendRows = Math.ceil(Math.min(series.length, LEGENDS_MAX) / 2);
  const plot = { x: 58, y: 26, w: w - 68, h: h - 44 - legendRows * 14 };
  const times = points.map(([at]) => at);
  const [from, to] = [Math.min(...times), Math.max(...times)];
  const most = Math.max(...points.map(([, value]) => value)) * 1.1 || 1;
  const px = (at) => plot.x + ((at - from) / (to - from || 1)) * plot.w;
  const py = (value) => plot.y + plot.h - (value / most) * plot.h;
  const grid = [0, 0.5, 1].map((part) => {
    const at = py(most * part);
    return `<line x1="${plot.x}" x2="${plot.x + plot.w}" y1="${at}" y2="${at}" stroke="#eee"/><text x="${plot.x - 4}" y="${at + 4}" text-anchor="end" font-size="9" fill="#777">${shown(most * part, unit)}</text>`;
  });
  const lines = series.map(({ points: own }, i) => {
    const path = own.map(([at, value]) => `${px(at).toFixed(1)},${py(value).toFixed(1)}`).join(' ');
    return `<polyline points="${path}" fill="none" stroke="${COLOURS[i % COLOURS.length]}" stroke-width="1.4"/>`;
  });
  const top = plot.y + plot.h + 20;
  const legends = series.slice(0, LEGENDS_MAX).map(({ legend }, i) => {
    const lx = 10 + (i % 2) * (w / 2);
    const ly = top + Math.floor(i / 2) * 14;
    const text = `${legend}`.slice(0, 26);
    return `<rect x="${lx}" y="${ly - 7}" width="8" height="3" fill="${COLOURS[i % COLOURS.length]}"/><text x="${lx + 12}" y="${ly - 2}" font-size="9">${escaped(text)}</text>`;
  });
  return [...grid, ...lines, ...legends].join('');
}

function escaped(text) {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
}
