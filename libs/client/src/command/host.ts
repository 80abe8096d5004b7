/**
 * The world around one run of the command: streams, files, clock. Everything else in this folder
 * is told what it needs through it.
 */
import { closeSync, fstatSync, mkdirSync, openSync, readSync, writeSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { type CommandSettings, readSettings } from './config.ts';
import { EXIT, type ExitCode, usageError } from './exit-code.ts';
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
  /** Milliseconds since 1970. */
  now(): number;
}

/** The real {@link Host}, over this process. */
export function processHost(): Host {
  const settings = readSettings();
  const { stdin, stdout, stderr } = process;
  let inputTakenBy: string | undefined;
  return {
    settings,
    paint: createPaint(settings.allowsColour && stdout.isTTY),
    errorPaint: createPaint(settings.allowsColour && stderr.isTTY),
    isTerminal: stdout.isTTY,
    isInputTerminal: stdin.isTTY,
    exitCode: EXIT.ok,
    write: (data) => void stdout.write(data),
    warn: (text) => void stderr.write(text),
    async readInput(option) {
      if (inputTakenBy !== undefined) {
        throw usageError(
          option,
          `standard input was read by ${inputTakenBy} already`,
          'Put one of the two into a file and name it as @FILE.',
        );
      }
      inputTakenBy = option;
      return readAll(option);
    },
    readFile,
    createFile,
    createKeyFile,
    now: Date.now,
  };
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

const CAUSE: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or folder',
  EACCES: 'permission denied',
  EISDIR: 'it is a folder',
  ENOTDIR: 'a part of the path is no folder',
  EEXIST: 'it exists already, and is never overwritten',
  EROFS: 'the file system is read-only',
  ENOSPC: 'the disk is full',
};

function causeOf(error: unknown): string {
  const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
  return CAUSE[code] ?? code;
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

function unreadable(option: string, path: string, error: unknown): Error {
  return usageError(option, `cannot read ${path}: ${causeOf(error)}`, 'Check the path.');
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
    throw usageError(
      option,
      `cannot make ${path}: ${causeOf(error)}`,
      'Name another file with --out FILE.',
    );
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
