/**
 * Ends servers with the process that started them, even when that is killed: a shell waits for the
 * end of its standard input, which closes with this process, and then kills what it was told of.
 */
import { spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Writable } from 'node:stream';

const SCRIPT = `
pids=
while read -r verb pid; do
  kept=
  for known in $pids; do [ "$known" = "$pid" ] || kept="$kept $known"; done
  pids=$kept
  [ "$verb" = watch ] && pids="$pids $pid"
done
[ -n "$pids" ] && kill -KILL $pids
rm -rf -- "$1"
`;

interface Watchdog {
  readonly input: Writable;
  readonly folder: string;
}

let watchdog: Watchdog | undefined;

/** A folder for servers of this process; it goes when the process ends. */
export function serversFolder(): string {
  return started().folder;
}

/** Has a process killed when this one ends. */
export function watch(pid: number): void {
  started().input.write(`watch ${pid}\n`);
}

/** Takes back a {@link watch} of a process that has ended. */
export function forget(pid: number): void {
  started().input.write(`forget ${pid}\n`);
}

function started(): Watchdog {
  watchdog ??= start();
  return watchdog;
}

function start(): Watchdog {
  const folder = mkdtempSync(join(tmpdir(), 'mosaic-servers-'));
  // A group of its own: Ctrl-C must reach this process first.
  const child = spawn('/bin/sh', ['-c', SCRIPT, 'watchdog', folder], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  child.stdin.on('error', () => rmSync(folder, { recursive: true, force: true }));
  // Neither may keep the process alive that they wait for.
  child.unref();
  (child.stdin as unknown as { unref(): void }).unref();
  return { input: child.stdin, folder };
}
