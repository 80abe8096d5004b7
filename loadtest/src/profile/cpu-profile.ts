/**
 * Reads V8's CPU profiles: how long each function ran itself, within the time that was measured.
 *
 *     nodes       id, callFrame {functionName, url, lineNumber}
 *     samples     the node that ran, at startTime + the sum of timeDeltas so far, in microseconds
 */
import { LoadError } from '../load-error.ts';

/** A file that `node --cpu-prof` wrote, as far as it is used here. */
export interface CpuProfile {
  readonly startTime: number;
  readonly nodes: readonly ProfileNode[];
  readonly samples: readonly number[];
  readonly timeDeltas: readonly number[];
}

interface ProfileNode {
  readonly id: number;
  readonly callFrame: {
    readonly functionName: string;
    readonly url: string;
    readonly lineNumber: number;
  };
}

/** A stretch of time, in microseconds of the monotonic clock. */
export interface Window {
  readonly startMicros: number;
  readonly endMicros: number;
}

/** A function, or what V8 names in brackets: (idle), (program), (garbage collector). */
export interface FunctionTime {
  readonly name: string;
  /** A file, as `libs/store/dist/segment-log.js:12`; empty for what has none. */
  readonly place: string;
  /** A package or a part of Node. */
  readonly module: string;
  readonly selfMicros: number;
}

/** @throws LoadError where the text is no profile */
export function parseProfile(text: string): CpuProfile {
  const value = JSON.parse(text) as Partial<CpuProfile>;
  const isWhole = value.nodes && value.samples && value.timeDeltas;
  if (isWhole && value.startTime !== undefined) return value as CpuProfile;
  throw new LoadError('that is no CPU profile');
}

/** Self time of each function within the windows, longest first. */
export function selfTimes(profile: CpuProfile, windows: readonly Window[]): FunctionTime[] {
  const byNode = new Map<number, number>();
  let at = profile.startTime;
  for (const [i, node] of profile.samples.entries()) {
    const delta = profile.timeDeltas[i]!;
    at += delta;
    const isWanted = windows.some(({ startMicros, endMicros }) => {
      return at >= startMicros && at <= endMicros;
    });
    if (isWanted) byNode.set(node, (byNode.get(node) ?? 0) + delta);
  }
  const byFunction = new Map<string, FunctionTime>();
  for (const { id, callFrame } of profile.nodes) {
    const selfMicros = byNode.get(id);
    if (selfMicros === undefined) continue;
    const { functionName, url, lineNumber } = callFrame;
    const name = functionName === '' ? '(anonymous)' : functionName;
    const place = url === '' ? '' : `${shortPath(url)}:${lineNumber + 1}`;
    const key = `${name} ${place}`;
    const sum = (byFunction.get(key)?.selfMicros ?? 0) + selfMicros;
    byFunction.set(key, { name, place, module: moduleOf(name, url), selfMicros: sum });
  }
  return [...byFunction.values()].sort((a, b) => b.selfMicros - a.selfMicros);
}

/** Adds up by module, longest first. */
export function byModule(times: readonly FunctionTime[]): [module: string, selfMicros: number][] {
  const sums = new Map<string, number>();
  for (const { module, selfMicros } of times) {
    sums.set(module, (sums.get(module) ?? 0) + selfMicros);
  }
  return [...sums].sort(([, a], [, b]) => b - a);
}

/** What a package is called wherever it is installed. */
function shortPath(url: string): string {
  const inPackages = url.lastIndexOf('node_modules/');
  if (inPackages >= 0) return url.slice(inPackages + 'node_modules/'.length);
  return /(?:libs|services)\/.*$/.exec(url)?.[0] ?? url;
}

function moduleOf(name: string, url: string): string {
  if (url === '') return name.startsWith('(') ? name : '(native)';
  if (url.startsWith('node:')) return 'node';
  const path = shortPath(url);
  const parts = path.split('/');
  return parts[0]!.startsWith('@') || /^(libs|services)\//.test(path)
    ? parts.slice(0, 2).join('/')
    : parts[0]!;
}
