/** One role that is away must not take the gateway from everybody; a gateway that reaches nobody must not serve. */
import { MemoryBus, type RoleName } from '@mosaic-cluster/bus';
import { MosaicError } from '@mosaic-cluster/protocol';
import { createLogger, type Logger, silentLogger } from '@mosaic-cluster/runtime';
import { afterEach, describe, expect, it } from 'vitest';
import { FakeClock } from '../../testing/fake-clock.ts';
import { NaiveRole } from '../../testing/naive-role.ts';
import { RolePresence } from './role-presence.ts';

const ROLES: readonly RoleName[] = ['outbox', 'inbox', 'encryption'];
const PATIENCE_MS = 30_000;

const closing: (() => void)[] = [];
afterEach(() => {
  for (const close of closing.splice(0)) close();
});

/** Roles that a test sends away, brings back, and makes fail, and a gateway that asks them. */
class World {
  readonly bus = new MemoryBus();
  readonly clock = new FakeClock();
  readonly presence: RolePresence;
  readonly #stops = new Map<RoleName, () => void>();

  constructor(there: readonly RoleName[] = ROLES, log: Logger = silentLogger) {
    for (const role of there) this.come(role);
    const { bus, clock } = this;
    this.presence = new RolePresence({ bus, roles: ROLES, patienceMs: PATIENCE_MS, clock, log });
    closing.push(() => this.presence.close());
  }

  come(role: RoleName, gate?: () => Promise<void>): void {
    this.leave(role);
    // It serves a bus of its own, which would not let it go.
    const service = new NaiveRole(new MemoryBus(), role);
    if (gate !== undefined) service.gate = gate;
    this.#stops.set(role, this.bus.serve(role, service));
  }

  leave(role: RoleName): void {
    this.#stops.get(role)?.();
    this.#stops.delete(role);
  }

  fail(role: RoleName, kind: MosaicError['kind']): void {
    this.come(role, () => Promise.reject(new MosaicError(kind, 'told-to', `it is ${kind}`)));
  }

  /** What a probe finds: the roles that it waits for. */
  async waits(): Promise<readonly RoleName[]> {
    await this.presence.ask();
    return ROLES.filter((role) => this.presence.waitsFor(role) !== undefined);
  }

  async runOutOfPatience(): Promise<void> {
    for (let waitedMs = 0; waitedMs < PATIENCE_MS; waitedMs += 1_000) {
      await this.presence.ask();
      this.clock.advance(1_000);
    }
  }
}

describe('a gateway that serves', () => {
  it('goes on without roles that leave, says so, and stops where none is left', async () => {
    const world = new World();
    expect(await world.waits()).toEqual([]);
    world.leave('inbox');
    expect(await world.waits()).toEqual([]);
    expect(ROLES.map((role) => world.presence.answers(role))).toEqual([true, false, true]);
    expect(world.presence.note('inbox')).toContain('nobody serves the role inbox');
    expect(world.presence.note('outbox')).toBeUndefined();
    world.leave('outbox');
    world.leave('encryption');
    expect(await world.waits()).toEqual(ROLES);
    expect(ROLES.map((role) => world.presence.note(role))).toEqual(Array(3).fill(undefined));
    world.come('encryption');
    expect(await world.waits()).toEqual([]);
  });

  it('goes on where a role refuses it: that may have become so for all gateways', async () => {
    const world = new World();
    expect(await world.waits()).toEqual([]);
    world.fail('outbox', 'unauthorized');
    expect(await world.waits()).toEqual([]);
    expect(world.presence.answers('outbox')).toBe(false);
  });

  it('takes a role that is busy for one that is there', async () => {
    const world = new World();
    for (const role of ROLES) world.fail(role, 'limited');
    expect(await world.waits()).toEqual([]);
    expect(ROLES.every((role) => world.presence.answers(role))).toBe(true);
  });

  it('asks a role that hangs no second time, and takes it for away after ten seconds', async () => {
    const world = new World();
    expect(await world.waits()).toEqual([]);
    let asked = 0;
    let answer = (): void => {};
    world.come('inbox', () => {
      asked += 1;
      return new Promise((resolve) => {
        answer = resolve;
      });
    });
    const isAway = async (afterMs: number): Promise<boolean> => {
      const waiting = world.presence.ask();
      world.clock.advance(afterMs);
      await waiting;
      return !world.presence.answers('inbox');
    };
    expect(await isAway(1_500)).toBe(false);
    expect(await isAway(8_500)).toBe(true);
    expect(asked).toBe(1);
    answer();
    expect(await world.waits()).toEqual([]);
    expect(world.presence.answers('inbox')).toBe(true);
  });
});

describe('a gateway that has just started', () => {
  it('waits for all roles as long as it is patient, then serves with those that answer', async () => {
    const world = new World(['outbox']);
    expect(await world.waits()).toEqual(['inbox', 'encryption']);
    await world.runOutOfPatience();
    expect(await world.waits()).toEqual([]);
    expect(world.presence.note('inbox')).toContain('nobody serves the role inbox');
  });

  it('never serves where nobody answers', async () => {
    const world = new World([]);
    await world.runOutOfPatience();
    expect(await world.waits()).toEqual(ROLES);
  });

  it('never serves where it alone is refused', async () => {
    const world = new World(['outbox', 'encryption']);
    world.fail('inbox', 'unauthorized');
    await world.runOutOfPatience();
    expect(await world.waits()).toEqual(['inbox']);
    world.come('inbox');
    expect(await world.waits()).toEqual([]);
  });
});

it('asks by itself, for the metrics, and says once what has changed', async () => {
  const lines: string[] = [];
  const sink = { write: (line: string) => void lines.push(line) };
  const world = new World(ROLES, createLogger({ service: 'gateway', format: 'json', sink }));
  await world.presence.ask();
  world.leave('inbox');
  const round = async (): Promise<void> => {
    world.clock.advance(5_000);
    await world.presence.ask();
  };
  await round();
  expect(world.presence.answers('inbox')).toBe(false);
  await round();
  world.come('inbox');
  await round();
  expect(lines).toHaveLength(2);
  expect(lines[0]).toContain('the role inbox does not answer: nobody serves the role inbox');
  expect(lines[1]).toContain('the role inbox answers again');
});
