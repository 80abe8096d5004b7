/**
 * A set of open connections, and the rule that nothing a server does goes unnoticed: a message that
 * nobody waits for or a lost connection fails whatever is being measured.
 */
import { LoadError } from '../load-error.ts';
import { unexpected } from './answer.ts';
import { Connection, type ConnectionHandler } from './connection.ts';
import type { ServerAddress } from './server-address.ts';

/** Connections opened at the same time; more than this overrun a server's accept queue. */
const OPENING_MAX = 64;
/** A server from which nothing has come for so long, though something is due, has failed. */
const STALL_MS = 30_000;
const STALL_CHECK_MS = 1_000;

/** Handles messages; a throw fails what is being measured. */
export type MessageListener = (
  connection: Connection,
  index: number,
  bytes: Buffer,
  at: number,
  length: number,
) => void;

/** Who listens to a pool. */
export interface PoolListener {
  readonly message: MessageListener;
  readonly caughtUp?: (connection: Connection, index: number) => void;
}

/** Told of what fails while a task runs. */
type Fail = (error: Error) => void;

/** Some connections. */
export class Pool {
  readonly connections: Connection[] = [];
  #listener: PoolListener = NOBODY;
  /** What went wrong while nobody was looking. */
  #failure: Error | undefined;
  #fail: Fail | undefined;
  /** Messages so far; shows that the server is alive. */
  #messages = 0;

  /** @throws LoadError where a connection cannot be opened */
  static async open(address: ServerAddress, count: number): Promise<Pool> {
    const pool = new Pool();
    try {
      await pool.grow(address, count);
      return pool;
    } catch (error) {
      await pool.close();
      throw error;
    }
  }

  /** Opens more connections. */
  async grow(address: ServerAddress, count: number): Promise<void> {
    let remaining = count;
    const openSome = async (): Promise<void> => {
      while (remaining > 0) {
        remaining -= 1;
        const place = { index: -1 };
        const connection = await Connection.open(address, this.#slot(place));
        place.index = this.connections.push(connection) - 1;
      }
    };
    await Promise.all(Array.from({ length: Math.min(OPENING_MAX, count) }, openSome));
  }

  /**
   * Runs a task that is over when it calls `done`; `listener` gets the messages meanwhile.
   *
   * @throws LoadError for what the listener throws, a lost connection, or a server that is silent
   */
  run<T>(listener: PoolListener, start: (done: (value: T) => void) => void): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      let seen = this.#messages;
      let silentMs = 0;
      const timer = setInterval(() => {
        silentMs = this.#messages === seen ? silentMs + STALL_CHECK_MS : 0;
        seen = this.#messages;
        const seconds = STALL_MS / 1000;
        if (silentMs >= STALL_MS) {
          finish(() => reject(new LoadError(`no answer from the server for ${seconds} seconds`)));
        }
      }, STALL_CHECK_MS);
      const finish = (settle: () => void): void => {
        clearInterval(timer);
        this.#listener = NOBODY;
        this.#fail = undefined;
        settle();
      };
      if (this.#failure !== undefined) {
        const failure = this.#failure;
        finish(() => reject(failure));
        return;
      }
      this.#listener = listener;
      this.#fail = (error) => finish(() => reject(error));
      try {
        start((value) => finish(() => resolve(value)));
      } catch (error) {
        this.#failed(error);
      }
    });
  }

  async close(): Promise<void> {
    await Promise.all(this.connections.map((connection) => connection.close()));
  }

  #slot(place: { readonly index: number }): ConnectionHandler {
    return {
      message: (connection, bytes, at, length) => {
        this.#messages += 1;
        try {
          this.#listener.message(connection, place.index, bytes, at, length);
        } catch (error) {
          this.#failed(error);
        }
      },
      caughtUp: (connection) => {
        try {
          this.#listener.caughtUp?.(connection, place.index);
        } catch (error) {
          this.#failed(error);
        }
      },
      lost: (_connection, why) => this.#failed(new LoadError(`a connection was lost: ${why}`)),
    };
  }

  #failed(error: unknown): void {
    const failure = error instanceof Error ? error : new LoadError(String(error));
    this.#failure ??= failure;
    this.#fail?.(failure);
  }
}

const NOBODY: PoolListener = {
  message: (_connection, _index, bytes, at, length) => {
    throw unexpected(bytes, at, length);
  },
};
