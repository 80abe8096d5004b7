/**
 * `soak`: everything at once at a moderate rate, for an hour. Fails at the first wrong answer, and
 * where the server's memory grows.
 */
import { setTimeout } from 'node:timers/promises';
import type { SoakOptions } from '../generator/soak/soak-load.ts';
import { LoadError } from '../load-error.ts';
import type { Options } from '../options.ts';
import type { Output } from '../run-output.ts';
import type { ScenarioContext } from '../scenario.ts';
import { Session } from '../session.ts';
import { type Flatness, type FlatnessBounds, judgeFlatness } from './flatness.ts';
import { freeLocalAddress, ServerMetrics } from './server-metrics.ts';
import { progressLine } from './soak-report.ts';
import { type JudgedMemoryKind, SoakSeries } from './soak-series.ts';

/** A moderate load for two processors that others use as well. */
export const SOAK_RATES = {
  submissionsPerSecond: 150,
  queriesPerSecond: 50,
  getsPerSecond: 20,
  visitsPerSecond: 0.5,
  resubscriptionsPerSecond: 6,
} as const;
/** A slow reader at least so often, and more often in a short run. */
const SLOW_READ_EVERY_MS = 60_000;
const SLOW_READS_MIN = 3;
/** It pauses for this share of the time between two. */
const SLOW_READ_PAUSE_SHARE = 0.25;

const SAMPLE_MS = 5_000;
const SAMPLES_MIN = 10;
const PROGRESS_MS = 30_000;
/** Time that a server has to notice that everybody is gone. */
const GONE_MS = 10_000;
const GONE_LOOK_MS = 100;

const MEBIBYTE = 2 ** 20;
/**
 * What memory may grow by. The process was seen to keep some 30 MiB after a large answer for
 * minutes, or not (the allocator is suspected), which in a short run decides the slope. So the
 * process's own memory must also have risen by more than a line does that is laid through such a
 * step: by half as much again. What JavaScript holds, in its heap and in buffers outside of it, is
 * free of that and judged closely.
 */
export const MEMORY_BOUNDS: Readonly<Record<JudgedMemoryKind, FlatnessBounds>> = {
  own: { bytesPerHourMax: 64 * MEBIBYTE, noiseBytes: 48 * MEBIBYTE },
  heap: { bytesPerHourMax: 32 * MEBIBYTE, noiseBytes: 2 * MEBIBYTE },
  buffers: { bytesPerHourMax: 32 * MEBIBYTE, noiseBytes: 2 * MEBIBYTE },
};

/** Settings that let the server's caches fill within the first third. */
const SERVER_SETTINGS = { MOSAIC_CACHE_BYTES: '16MiB', MOSAIC_LIMITS: 'on' } as const;

/** What must be none when everybody is gone. */
const LEVELS = [
  'mosaic_connections',
  'mosaic_queries',
  'mosaic_subscriptions',
  'mosaic_submissions_in_flight',
] as const;
const FAULTS = 'mosaic_server_faults_total';
/** JavaScript's memory on the server's main thread. */
const JAVASCRIPT_METRICS = {
  heap: 'nodejs_heap_size_used_bytes',
  buffers: 'nodejs_external_memory_bytes',
} as const;

/** A kind of memory that was judged. */
export interface JudgedMemory extends Flatness {
  readonly kind: JudgedMemoryKind;
}

/** What a soak that no wrong answer has ended has shown. */
export interface SoakResult {
  readonly seconds: number;
  readonly series: SoakSeries;
  /** Without the server's processes nothing was judged. */
  readonly memory: readonly JudgedMemory[];
}

/** Loads a server. @throws LoadError at the first thing that it does wrong */
export async function runSoak(options: Options, output: Output): Promise<SoakResult> {
  const isOurs = options.target === undefined;
  const healthAddress = isOurs ? await freeLocalAddress() : undefined;
  const metrics = healthAddress === undefined ? undefined : new ServerMetrics(healthAddress);
  const settings = healthAddress === undefined ? {} : healthSettings(healthAddress);
  const session = await Session.open({ options, settings, say: (line) => output.say(line) });
  try {
    const run = async (context: ScenarioContext): Promise<SoakResult> => {
      return new Soak(options, output, context, metrics).run();
    };
    return await session.run({ server: 'filled', run });
  } finally {
    await session.close();
  }
}

function healthSettings(address: string): Record<string, string> {
  return { ...SERVER_SETTINGS, MOSAIC_HEALTH_LISTEN: address };
}

class Soak {
  readonly #context: ScenarioContext;
  readonly #output: Output;
  readonly #metrics: ServerMetrics | undefined;
  readonly #seconds: number;
  readonly #series: SoakSeries;
  #startedAt = 0;

  constructor(
    { minutes }: Options,
    output: Output,
    context: ScenarioContext,
    metrics: ServerMetrics | undefined,
  ) {
    this.#context = context;
    this.#output = output;
    this.#metrics = metrics;
    this.#seconds = minutes * 60;
    this.#series = new SoakSeries(this.#seconds);
  }

  async run(): Promise<SoakResult> {
    const { generator } = this.#context;
    await generator.call('soakStart', this.#load());
    this.#startedAt = performance.now();
    const sampleMs = Math.min(SAMPLE_MS, (this.#seconds * 1000) / SAMPLES_MIN);
    let progressMs = 0;
    for (let sample = 1; sample * sampleMs <= this.#seconds * 1000; sample++) {
      await setTimeout(Math.max(0, sample * sampleMs - this.#elapsedMs));
      this.#series.addReport(this.#elapsedSeconds, await generator.call('soakReport'));
      await this.#sampleMemory();
      progressMs += sampleMs;
      if (progressMs < PROGRESS_MS) continue;
      progressMs = 0;
      this.#output.say(progressLine(this.#elapsedSeconds, this.#series));
    }
    const seconds = this.#elapsedSeconds;
    this.#series.addReport(seconds, await generator.call('soakStop'));
    await this.#checkAfterwards();
    return { seconds, series: this.#series, memory: this.#judge() };
  }

  get #elapsedMs(): number {
    return performance.now() - this.#startedAt;
  }

  get #elapsedSeconds(): number {
    return this.#elapsedMs / 1000;
  }

  #load(): SoakOptions {
    const { store, takeNumbers } = this.#context;
    const { submissionsPerSecond } = SOAK_RATES;
    const milliseconds = this.#seconds * 1000;
    const slowReadEveryMs = Math.min(SLOW_READ_EVERY_MS, milliseconds / SLOW_READS_MIN);
    return {
      ...SOAK_RATES,
      store,
      // Somewhat more than are due: the last report comes a little after the end.
      numbers: takeNumbers(Math.ceil((this.#seconds + 60) * submissionsPerSecond)),
      slowReadEveryMs,
      slowReadPauseMs: slowReadEveryMs * SLOW_READ_PAUSE_SHARE,
    };
  }

  async #sampleMemory(): Promise<void> {
    const seconds = this.#elapsedSeconds;
    const memory = this.#context.watch.memory();
    if (memory !== undefined) {
      this.#series.addMemory('own', seconds, memory.ownBytes);
      this.#series.addMemory('files', seconds, memory.fileBytes);
    }
    const values = await this.#metrics?.read();
    for (const kind of ['heap', 'buffers'] as const) {
      const bytes = values?.get(JAVASCRIPT_METRICS[kind]);
      if (bytes !== undefined) this.#series.addMemory(kind, seconds, bytes);
    }
  }

  /** What a server must not have left when everybody is gone. */
  async #checkAfterwards(): Promise<void> {
    if (this.#metrics === undefined) return;
    const end = performance.now() + GONE_MS;
    for (;;) {
      const values = await this.#metrics.read();
      const faults = values.get(FAULTS) ?? Number.NaN;
      if (faults !== 0) throw new LoadError(`the server counts ${faults} errors of its own`);
      const left = LEVELS.filter((name) => values.get(name) !== 0);
      if (left.length === 0) return;
      if (performance.now() > end) {
        const levels = left.map((name) => `${name} ${values.get(name) ?? 'missing'}`).join(', ');
        throw new LoadError(`everybody is gone, and the server still has ${levels}`);
      }
      await setTimeout(GONE_LOOK_MS);
    }
  }

  #judge(): JudgedMemory[] {
    return (['own', 'heap', 'buffers'] as const)
      .filter((kind) => this.#series.memory[kind].length > 0)
      .map((kind) => ({
        kind,
        ...judgeFlatness(this.#series.memory[kind], MEMORY_BOUNDS[kind]),
      }));
  }
}
