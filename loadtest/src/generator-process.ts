/** Starts a generator process and calls its commands. */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type {
  CommandInput,
  CommandName,
  CommandReply,
  CommandRequest,
  CommandResult,
  GeneratorSetup,
} from './generator/commands.ts';
import { LoadError } from './load-error.ts';
import { onCores } from './server/cores.ts';

interface Waiter {
  resolve(result: unknown): void;
  reject(error: Error): void;
}

/** A running generator. */
export class GeneratorProcess {
  readonly #child: ChildProcess;
  readonly #waiters = new Map<number, Waiter>();
  #nextId = 1;

  private constructor(child: ChildProcess) {
    this.#child = child;
    child.on('message', (reply: CommandReply) => this.#answered(reply));
    child.on('exit', (code, signal) => {
      const how = signal ?? `code ${code ?? 'unknown'}`;
      const error = new LoadError(`the load generator ended (${how})`);
      for (const waiter of this.#waiters.values()) waiter.reject(error);
      this.#waiters.clear();
    });
  }

  /**
   * Starts a generator; it is ready when this resolves.
   *
   * @param cores processors that it has to do with; all of them by default
   */
  static async start(setup: GeneratorSetup, cores?: readonly number[]): Promise<GeneratorProcess> {
    // Node runs no TypeScript: from the source, the build is used.
    const isSource = import.meta.url.endsWith('.ts');
    const script = isSource ? '../dist/generator/main.js' : './generator/main.js';
    const path = fileURLToPath(new URL(script, import.meta.url));
    if (!existsSync(path)) throw new LoadError(`${path} is missing: run "npm run build"`);
    const [execPath, ...execArgv] = onCores([process.execPath], cores);
    const child = fork(path, [JSON.stringify(setup)], {
      serialization: 'advanced',
      execPath: execPath!,
      execArgv,
    });
    const generator = new GeneratorProcess(child);
    await new Promise((resolve, reject) => generator.#waiters.set(0, { resolve, reject }));
    return generator;
  }

  /** Has a command done. @throws LoadError for what went wrong there */
  call<N extends CommandName>(name: N, ...input: CommandInput<N>): Promise<CommandResult<N>> {
    const id = this.#nextId;
    this.#nextId += 1;
    return new Promise<unknown>((resolve, reject) => {
      this.#waiters.set(id, { resolve, reject });
      const request: CommandRequest = { id, name, input };
      this.#child.send(request, (error) => {
        if (error !== null) this.#answered({ id, error: error.message, isExpected: true });
      });
    }) as Promise<CommandResult<N>>;
  }

  /** Ends the process and with it its connections. */
  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const exited = once(this.#child, 'exit');
    this.#child.disconnect();
    await exited;
  }

  #answered(reply: CommandReply): void {
    const waiter = this.#waiters.get(reply.id);
    this.#waiters.delete(reply.id);
    if ('error' in reply) {
      const { error, isExpected } = reply;
      waiter?.reject(isExpected ? new LoadError(error) : new Error(error));
    } else {
      waiter?.resolve(reply.result);
    }
  }
}
