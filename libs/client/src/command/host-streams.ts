/**
 * Input and output that may be longer than memory: read and written piece by piece.
 */
import {
  accessSync,
  closeSync,
  constants,
  createReadStream,
  existsSync,
  openSync,
  writeSync,
} from 'node:fs';
import type { Readable } from 'node:stream';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { usageError } from './exit-code.ts';

/** Bytes that come in pieces. */
export interface ByteSource {
  /** What it is, for messages: a path, or "standard input". */
  readonly name: string;
  /** To be walked through once. */
  readonly chunks: AsyncIterable<Uint8Array>;
  /** Ends it early: the iteration ends as if the input did. */
  close(): void;
}

/** Somewhere that bytes go. */
export interface ByteSink {
  /** Resolves when there is room for more. */
  write(data: string | Uint8Array): Promise<void>;
  close(): void;
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

/** An error of the operating system in words. */
export function causeOf(error: unknown): string {
  const code = (error as NodeJS.ErrnoException | undefined)?.code ?? 'unknown error';
  return CAUSE[code] ?? code;
}

/** The error of a file that cannot be read; `option` is who asked. */
export function unreadable(option: string, path: string, error: unknown): Error {
  return usageError(option, `cannot read ${path}: ${causeOf(error)}`, 'Check the path.');
}

/** The error of a file that cannot be made. */
export function unwritable(option: string, path: string, error: unknown): Error {
  return usageError(
    option,
    `cannot make ${path}: ${causeOf(error)}`,
    'Name another file with --out FILE.',
  );
}

/** A file, opened when its first piece is asked for. @throws MosaicError with code `usage` */
export function fileSource(option: string, path: string): ByteSource {
  try {
    accessSync(path, constants.R_OK);
  } catch (error) {
    throw unreadable(option, path, error);
  }
  let stream: Readable | undefined;
  let isClosed = false;
  async function* read(): AsyncGenerator<Uint8Array, void, undefined> {
    if (isClosed) return;
    stream = createReadStream(path);
    yield* pieces(stream, option, path);
  }
  return {
    name: path,
    chunks: read(),
    close() {
      isClosed = true;
      stream?.destroy();
    },
  };
}

/** A stream that is open already. */
export function streamSource(stream: Readable, option: string, name: string): ByteSource {
  return { name, chunks: pieces(stream, option, name), close: () => void stream.destroy() };
}

async function* pieces(
  stream: Readable,
  option: string,
  name: string,
): AsyncGenerator<Uint8Array, void, undefined> {
  try {
    for await (const chunk of stream) yield chunk as Uint8Array;
  } catch (error) {
    const isClosed = (error as NodeJS.ErrnoException).code === 'ERR_STREAM_PREMATURE_CLOSE';
    if (!isClosed) throw unreadable(option, name, error);
  }
}

/**
 * A new file, for its owner only. It is made by the first write, so that what fails before that
 * leaves nothing behind.
 *
 * @throws MosaicError with code `usage` where it exists already
 */
export function fileSink(option: string, path: string): ByteSink {
  if (existsSync(path)) throw unwritable(option, path, { code: 'EEXIST' });
  let file: number | undefined;
  return {
    write(data) {
      const bytes = typeof data === 'string' ? Buffer.from(data) : data;
      try {
        file ??= create(option, path);
        for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
        return Promise.resolve();
      } catch (error) {
        if (isMosaicError(error)) return Promise.reject(error);
        const problem = `cannot write ${path}: ${causeOf(error)}`;
        return Promise.reject(usageError(option, problem, 'What came until then is in it.'));
      }
    },
    close() {
      if (file !== undefined) closeSync(file);
    },
  };
}

function create(option: string, path: string): number {
  try {
    return openSync(path, 'wx', 0o600);
  } catch (error) {
    throw unwritable(option, path, error);
  }
}

/** Standard output, which is not closed. */
export function streamSink(stream: NodeJS.WriteStream): ByteSink {
  return {
    async write(data) {
      if (stream.write(data)) return;
      await new Promise<void>((resolve) => {
        stream.once('drain', resolve);
      });
    },
    close: () => {},
  };
}
