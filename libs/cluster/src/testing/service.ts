/** The frame of a service without a process of its own, for tests of its parts. */
import {
  Lifecycle,
  type Logger,
  Metrics,
  noSlowLog,
  noTracer,
  Readiness,
  silentLogger,
} from '@mosaic-cluster/runtime';
import { withPatience } from '../patience.ts';
import type { Service } from '../service.ts';

/** A service, and the end of it. */
export interface TestService {
  readonly service: Service;
  /** What it warned of. */
  readonly warnings: string[];
  close(): Promise<void>;
}

/** A frame whose start waits for so long. */
export function testService(timeoutMs = 10_000): TestService {
  const warnings: string[] = [];
  const log: Logger = { ...silentLogger, warn: (message) => void warnings.push(message) };
  const lifecycle = new Lifecycle({ log });
  const readiness = new Readiness({ checkTimeoutMs: 2000, log: silentLogger });
  const service: Service = {
    name: 'test',
    version: '0.0.0',
    lifecycle,
    metrics: new Metrics({ service: 'test', version: '0.0.0' }),
    readiness,
    instance: 'test/1',
    tracer: noTracer,
    slow: noSlowLog,
    await: (what, open) =>
      withPatience(what, open, {
        timeoutMs,
        signal: lifecycle.signal,
        log,
        waits: (name, reason) => readiness.startWaits(name, reason),
      }),
  };
  return { service, warnings, close: async () => void (await lifecycle.close()) };
}
