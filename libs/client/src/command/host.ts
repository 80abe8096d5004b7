/**
 * The world around one run of the command: streams, files, clock. Everything else in this folder
 * is told what it needs through it.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type CommandSettings, readSettings } from './config.ts';
import { EXIT, type ExitCode, usageError } from './exit-code.ts';
import {
  type ByteSink,
  type ByteSource,
  causeOf,
  fileSink,
  fileSource,
  streamSink,
  streamSource,
  unreadable,
  unwritable,
} from './host-streams.ts';
import { createPaint, type Paint } from './paint.ts';

/** Most bytes taken from a file or standard input: the hex of any message, with room to spare. */
export const INPUT_BYTES_MAX: number = 16 * 1024 * 1024;

/** What a run may do. */
export interface Host {
  readonly settings: CommandSettings;
  /** For standard output. */
  readonly paint: Paint;
  /** For standard error. */
  readonly errorPaint: Paint;
  /** Whether standard output is a terminal. */
  readonly isTerminal: boolean;
  /** Whether somebody would have to type standard input. */
  readonly isInputTerminal: boolean;
  /** Whether standard error is a terminal. */
  readonly isErrorTerminal: boolean;
  /** The file that remembers the keys of servers. */
  readonly knownServersPath: string;
  /** What the run will end with. */
  exitCode: ExitCode;
  /** To standard output. */
  write(data: string | Uint8Array): void;
  /** To standard error. */
  warn(text: string): void;
  /** All of standard input, once; `option` is who asks. */
  readInput(option: string): Promise<Uint8Array>;
  /** A whole file; `option` is who asks. */
  readFile(option: string, path: string): Uint8Array;
  /** Makes a file that did not exist, for its owner only; `option` is who asks. */
  createFile(option: string, path: string, data: string | Uint8Array): void;
  /** Like `createFile`, in the user's folder for keys; the path. */
  createKeyFile(name: string, data: string): string;
  /** Standard input in pieces, once. */
  openInput(option: string): ByteSource;
  /** A file of any length in pieces. */
  openFile(option: string, path: string): ByteSource;
  /** A file that did not exist, or standard output where `path` is undefined. */
  openOutput(option: string, path: string | undefined): ByteSink;
  /** Calls `run` on the next Ctrl-C or SIGTERM, once; the returned function calls that off. */
  onInterrupt(run: () => void): () => void;
  /** Calls `run` again and again; the returned function ends it. */
  every(intervalMs: number, run: () => void): () => void;
  /** Milliseconds since 1970. */
  now(): number;
}

/** The real {@link Host}, over this process. */
export function processHost(): Host {
  const settings = readSettings();
  const { stdin, stdout, stderr } = process;
  let inputTakenBy: string | undefined;
  const takeInput = (option: string): void => {
    if (inputTakenBy !== undefined) {
      throw usageError(
        option,
        `standard input was read by ${inputTakenBy} already`,
        'Put one of the two into a file and name it as @FILE.',
      );
    }
    inputTakenBy = option;
  };
  return {
    settings,
    paint: createPaint(settings.allowsColour && stdout.isTTY),
    errorPaint: createPaint(settings.allowsColour && stderr.isTTY),
    isTerminal: stdout.isTTY,
    isInputTerminal: stdin.isTTY,
    isErrorTerminal: stderr.isTTY,
    knownServersPath: join(homedir(), '.config', 'mosaic', 'known-servers'),
    exitCode: EXIT.ok,
    write: (data) => void stdout.write(data),
    warn: (text) => void stderr.write(text),
    readInput(option) {
      takeInput(option);
      return readAll(option);
    },
    openInput(option) {
      takeInput(option);
      return streamSource(stdin, option, 'standard input');
    },
    openFile: fileSource,
    openOutput: (option, path) =>
      path === undefined ? streamSink(stdout) : fileSink(option, path),
    onInterrupt,
    every,
    readFile,
    createFile,
    createKeyFile,
    now: Date.now,
  };
}

/** A second Ctrl-C meets the system's own handling, which ends the process at once. */
function onInterrupt(run: () => void): () => void {
  const off = (): void => {
    process.off('SIGINT', once).off('SIGTERM', once);
  };
  const once = (): void => {
    off();
    run();
  };
  process.on('SIGINT', once).on('SIGTERM', once);
  return off;
}

function every(intervalMs: number, run: () => void): () => void {
  const timer = setInterval(run, intervalMs);
  return () => clearInterval(timer);
}

async function readAll(option: string): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let total = 0;
  for await (const chunk of process.stdin as AsyncIterable<Uint8Array>) {
    total += chunk.length;
    if (total > INPUT_BYTES_MAX) throw tooLarge(option, 'standard input');
    chunks.push(chunk);
  }
  return Buffer.concat(chunks);
}

function tooLarge(option: string, what: string): Error {
  return usageError(
    option,
    `${what} has more than ${INPUT_BYTES_MAX} bytes`,
    'Give one record, filter, message or key at a time.',
  );
}

function readFile(option: string, path: string): Uint8Array {
  let file: number;
  try {
    file = openSync(path, 'r');
  } catch (error) {
    throw unreadable(option, path, error);
  }
  try {
    if (fstatSync(file).size > INPUT_BYTES_MAX) throw tooLarge(option, path);
    const chunks: Uint8Array[] = [];
    let total = 0;
    for (;;) {
      const chunk = new Uint8Array(65_536);
      const count = readChunk(option, path, file, chunk);
      if (count === 0) return Buffer.concat(chunks);
      total += count;
      if (total > INPUT_BYTES_MAX) throw tooLarge(option, path);
      chunks.push(chunk.subarray(0, count));
    }
  } finally {
    closeSync(file);
  }
}

function readChunk(option: string, path: string, file: number, chunk: Uint8Array): number {
  try {
    return readSync(file, chunk);
  } catch (error) {
    throw unreadable(option, path, error);
  }
}

function createFile(option: string, path: string, data: string | Uint8Array): void {
  try {
    const file = openSync(path, 'wx', 0o600);
    try {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    throw unwritable(option, path, error);
  }
}

function createKeyFile(name: string, data: string): string {
  const folder = join(homedir(), '.config', 'mosaic', 'keys');
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
  } catch (error) {
    throw usageError(
      folder,
      `cannot make the folder for keys: ${causeOf(error)}`,
      'Say where the key goes with --out FILE.',
    );
  }
  const path = join(folder, name);
  createFile('keygen', path, data);
  return path;
}
