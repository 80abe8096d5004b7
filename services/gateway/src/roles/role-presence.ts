/**
 * Knows which roles answer this gateway, and when it must not serve for want of them. A role that is away
 * keeps clients from its own records; it must not keep them from those of all the others.
 */
import type { Bus, RoleName } from '@mosaic-cluster/bus';
import { isMosaicError } from '@mosaic-cluster/protocol';
import type { Logger } from '@mosaic-cluster/runtime';
import type { Clock } from '../clock.ts';

/** What a {@link RolePresence} needs. */
export interface RolePresenceOptions {
  readonly bus: Bus;
  readonly roles: readonly RoleName[];
  /** How long a gateway that has just started waits for all roles. */
  readonly patienceMs: number;
  readonly clock: Clock;
  readonly log: Logger;
}

/** What is known of one role. */
interface Presence {
  /** The question under way: a worker that hangs is asked no second one meanwhile. */
  pending: Promise<void> | undefined;
  answeredAt: number | undefined;
  fault: Fault | undefined;
}

interface Fault {
  readonly reason: string;
  /** This gateway is refused, where others may not be. */
  readonly isRefused: boolean;
}

/** So that what is known is true where nobody probes. */
const ROUND_MS = 5_000;
/** Below the time that a readiness check may take. */
const ANSWER_TIMEOUT_MS = 1_500;
/** A role that answered not longer ago is slow rather than away. */
const SLOW_MS = 10_000;
/** An ID that no record has: its hash would have to be all zeros. */
const NO_RECORD: Uint8Array = new Uint8Array(48);
const LEAST_BUDGET = { records: 1, bytes: 1, scanned: 1 } as const;

/**
 * Asks the roles. Until all have answered once, the gateway waits for each that does not, but no longer
 * than its patience where another answers; from then on one role that answers is enough.
 */
export class RolePresence {
  readonly #options: RolePresenceOptions;
  readonly #roles: ReadonlyMap<RoleName, Presence>;
  readonly #patientUntil: number;
  #isSettled = false;
  #asking: Promise<void> | undefined;
  #forgetRound: (() => void) | undefined;
  #isClosed = false;

  constructor(options: RolePresenceOptions) {
    this.#options = options;
    const unknown = { pending: undefined, answeredAt: undefined, fault: undefined };
    this.#roles = new Map(options.roles.map((role) => [role, { ...unknown }]));
    this.#patientUntil = options.clock.now() + options.patienceMs;
    this.#round();
  }

  /** Asks all roles at the same time; resolves within two seconds, with what is known by then. */
  ask(): Promise<void> {
    this.#asking ??= this.#askAll().finally(() => {
      this.#asking = undefined;
    });
    return this.#asking;
  }

  /** Whether the role answers, as far as is known. */
  answers(role: RoleName): boolean {
    const { answeredAt, fault } = this.#of(role);
    return answeredAt !== undefined && fault === undefined;
  }

  /** Why the gateway must not serve for want of this role; undefined: it may. */
  waitsFor(role: RoleName): string | undefined {
    if (this.answers(role) || (this.#isSettled && this.#answering() > 0)) return undefined;
    return this.#reason(role);
  }

  /** What clients miss while the gateway serves without this role; undefined: nothing. */
  note(role: RoleName): string | undefined {
    if (this.answers(role) || this.waitsFor(role) !== undefined) return undefined;
    return `clients are served by the other roles, and told TEMPORARY_ERROR: ${this.#reason(role)}`;
  }

  close(): void {
    this.#isClosed = true;
    this.#forgetRound?.();
  }

  #round(): void {
    void this.ask().then(() => {
      if (this.#isClosed) return;
      this.#forgetRound = this.#options.clock.schedule(() => this.#round(), ROUND_MS);
    });
  }

  async #askAll(): Promise<void> {
    const { clock, roles } = this.#options;
    let forget = (): void => {};
    const late = new Promise<void>((resolve) => {
      forget = clock.schedule(resolve, ANSWER_TIMEOUT_MS);
    });
    const answers = roles.map((role) => (this.#of(role).pending ??= this.#askRole(role)));
    await Promise.race([late, Promise.all(answers)]);
    forget();
    for (const role of roles) this.#judgeSilence(role);
    this.#settle();
  }

  /** A round trip to one of a role's workers, and through it to its index. */
  async #askRole(role: RoleName): Promise<void> {
    const { bus, clock } = this.#options;
    const [references, budget] = [[NO_RECORD], LEAST_BUDGET];
    let fault: Fault | undefined;
    try {
      await bus.role(role).get({ references, reader: undefined, cursor: undefined, budget });
    } catch (error) {
      fault = faultOf(error);
    }
    // What ends together with this says nothing of the role.
    if (this.#isClosed) return;
    const presence = this.#of(role);
    presence.pending = undefined;
    if (fault === undefined) presence.answeredAt = clock.now();
    this.#set(role, fault);
  }

  #judgeSilence(role: RoleName): void {
    const { pending, answeredAt = -Infinity, fault } = this.#of(role);
    if (pending === undefined || fault !== undefined) return;
    if (this.#options.clock.now() - answeredAt < SLOW_MS) return;
    this.#set(role, { reason: `no answer for ${ANSWER_TIMEOUT_MS} ms`, isRefused: false });
  }

  #set(role: RoleName, fault: Fault | undefined): void {
    const presence = this.#of(role);
    const before = presence.fault;
    presence.fault = fault;
    if (!this.#isSettled || (before === undefined) === (fault === undefined)) return;
    const { log } = this.#options;
    if (fault === undefined) log.info(`the role ${role} answers again`);
    else log.warn(`the role ${role} does not answer: ${fault.reason}`);
  }

  #settle(): void {
    if (this.#isSettled) return;
    const { clock, roles, log } = this.#options;
    const away = roles.filter((role) => !this.answers(role));
    const isRefused = away.some((role) => this.#of(role).fault?.isRefused === true);
    const isPatient = clock.now() < this.#patientUntil;
    if (away.length > 0 && (isPatient || isRefused || away.length === roles.length)) return;
    this.#isSettled = true;
    for (const role of away) log.warn(`serves without the role ${role}: ${this.#reason(role)}`);
  }

  #answering(): number {
    return this.#options.roles.filter((role) => this.answers(role)).length;
  }

  #reason(role: RoleName): string {
    return this.#of(role).fault?.reason ?? 'it was not asked yet';
  }

  #of(role: RoleName): Presence {
    return this.#roles.get(role)!;
  }
}

/** What an error says of the role; undefined: that it is there, and busy. */
function faultOf(error: unknown): Fault | undefined {
  const isKnown = isMosaicError(error);
  if (isKnown && error.kind === 'limited') return undefined;
  const reason = error instanceof Error ? error.message : String(error);
  return { reason, isRefused: isKnown && error.kind === 'unauthorized' };
}
