/** Starts the attacker's process, has it attack, and takes its figures when it has stopped. */
import { type ChildProcess, fork } from 'node:child_process';
import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { LoadError } from '../../load-error.ts';
import type { TallyFigures } from './tally.ts';

/** Whom to attack, how, and from where. */
export interface AttackerSetup {
  readonly attack: string;
  readonly urls: readonly string[];
  /** The address it comes from. */
  readonly from: string;
}

/** What an attack did, got and cost. */
export interface AttackFigures extends TallyFigures {
  /** Processor time of the attacker's process. */
  readonly cpuMicros: number;
  readonly elapsedMs: number;
}

/** What the process says. */
export type AttackerReply =
  | { readonly name: 'ready' }
  | { readonly name: 'done'; readonly figures: AttackFigures };

/** It closes what it opened; then it is killed. */
const STOP_TIMEOUT_MS = 30_000;
const START_TIMEOUT_MS = 60_000;
/** Lowest priority, from whatever this process has. */
const NICENESS = 39;

/** An attacker that waits for its hour. */
export class AttackerProcess {
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess) {
    this.#child = child;
  }

  /**
   * @param goesLast attackers have machines of their own; here they share one with whom they attack, and
   *   are served last. False: on a busy machine they would have no time to attack at all
   * @throws LoadError where it does not start
   */
  static async start(setup: AttackerSetup, goesLast = true): Promise<AttackerProcess> {
    // Node runs no TypeScript: from the source, the build is used.
    const isSource = import.meta.url.endsWith('.ts');
    const script = isSource ? '../../../dist/abuse/attacker/main.js' : './main.js';
    const path = fileURLToPath(new URL(script, import.meta.url));
    if (!existsSync(path)) throw new LoadError(`${path} is missing: run "npm run build"`);
    const nice = { execPath: 'nice', execArgv: ['-n', `${NICENESS}`, process.execPath] };
    const child = fork(path, [JSON.stringify(setup)], goesLast ? nice : { execArgv: [] });
    const attacker = new AttackerProcess(child);
    await attacker.#reply('ready', START_TIMEOUT_MS);
    return attacker;
  }

  /** Begins the attack. */
  begin(): void {
    this.#child.send('start');
  }

  /** Ends the attack; what came of it. */
  async end(): Promise<AttackFigures> {
    const reply = this.#reply('done', STOP_TIMEOUT_MS);
    if (this.#child.connected) this.#child.send('stop');
    const { figures } = await reply;
    return figures;
  }

  /** Ends the process, whatever it does. */
  close(): void {
    this.#child.kill('SIGKILL');
  }

  #reply<N extends AttackerReply['name']>(
    name: N,
    timeoutMs: number,
  ): Promise<Extract<AttackerReply, { name: N }>> {
    const child = this.#child;
    return new Promise((resolve, reject) => {
      const settle = (): void => {
        clearTimeout(timer);
        child.off('message', take);
        child.off('exit', ended);
      };
      const fail = (why: string): void => {
        settle();
        child.kill('SIGKILL');
        reject(new LoadError(`the attacker's process ${why}`));
      };
      const ended = (): void => fail(`ended before it was ${name}`);
      const take = (reply: AttackerReply): void => {
        if (reply.name !== name) return;
        settle();
        resolve(reply as Extract<AttackerReply, { name: N }>);
      };
      if (child.exitCode !== null || child.signalCode !== null) {
        reject(new LoadError(`the attacker's process ended before it was ${name}`));
        return;
      }
      const timer = setTimeout(() => fail(`was not ${name} in time`), timeoutMs);
      child.on('message', take);
      child.once('exit', ended);
    });
  }
}
