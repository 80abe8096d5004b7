/**
 * Durations and sizes as operators write them. Units are compulsory for durations: a bare `30`
 * that one program takes for seconds and another for milliseconds has ended many nights.
 */

const MS_PER_UNIT: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

const BYTES_PER_UNIT: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1000,
  mb: 1000 ** 2,
  gb: 1000 ** 3,
  tb: 1000 ** 4,
  kib: 1024,
  mib: 1024 ** 2,
  gib: 1024 ** 3,
  tib: 1024 ** 4,
};

/**
 * Reads `500ms`, `5s`, `1.5h`, `1h30m` or `0`. Returns whole milliseconds, or undefined when the
 * text is no duration, names a unit twice, or is no whole number of milliseconds.
 */
export function parseDurationMs(text: string): number | undefined {
  if (text === '0') return 0;
  if (!/^(\d+(\.\d+)?(ms|s|m|h|d))+$/.test(text)) return undefined;
  let totalMs = 0;
  const seen = new Set<string>();
  for (const [, digits, unit] of text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h|d)/g)) {
    if (digits === undefined || unit === undefined || seen.has(unit)) return undefined;
    seen.add(unit);
    totalMs += scaled(digits, MS_PER_UNIT[unit] ?? Number.NaN);
  }
  return Number.isSafeInteger(totalMs) ? totalMs : undefined;
}

/**
 * Reads `4096`, `64KiB`, `1.5 GiB`, `10MB`; a bare number counts bytes, case does not matter.
 * Returns whole bytes, or undefined when the text is no size or no whole number of bytes.
 */
export function parseBytes(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?) ?([kmgt]?i?b)?$/i.exec(text);
  if (match === null) return undefined;
  const [, digits, unit = 'b'] = match;
  const factor = BYTES_PER_UNIT[unit.toLowerCase()];
  if (digits === undefined || factor === undefined) return undefined;
  const bytes = scaled(digits, factor);
  return Number.isSafeInteger(bytes) ? bytes : undefined;
}

/** Writes milliseconds in the largest unit that needs no fraction: 90000 → `90s`. */
export function formatDurationMs(ms: number): string {
  return inLargestUnit(ms, ['d', 'h', 'm', 's', 'ms'], MS_PER_UNIT);
}

/** Writes bytes in the largest binary unit that needs no fraction: 65536 → `64KiB`. */
export function formatBytes(bytes: number): string {
  const units = ['TiB', 'GiB', 'MiB', 'KiB', 'B'];
  const factors = Object.fromEntries(units.map((u) => [u, BYTES_PER_UNIT[u.toLowerCase()] ?? 1]));
  return inLargestUnit(bytes, units, factors);
}

function inLargestUnit(
  value: number,
  units: readonly string[],
  factors: Readonly<Record<string, number>>,
): string {
  if (value === 0) return `0${units.at(-1)}`;
  const unit = units.find((candidate) => value % (factors[candidate] ?? 1) === 0);
  return unit === undefined ? String(value) : `${value / (factors[unit] ?? 1)}${unit}`;
}

// Decimal fractions go through integers: 0.07 × 1000 is not 70 in floating point.
function scaled(digits: string, factor: number): number {
  const [whole = '0', fraction = ''] = digits.split('.');
  return (Number(whole + fraction) * factor) / 10 ** fraction.length;
}
