/**
 * Protects honest clients from attackers, on the real server, by what holds on a busy machine too: that
 * they are served, what attackers get, and that memory stays bounded. How long things take is left to
 * `npm run abuse`. Needs a build.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { afterAll, describe, expect, it } from 'vitest';
import { totalOf } from './attacker/tally.ts';
import { ATTACKS } from './attacks/index.ts';
import { HONEST_OPERATIONS, HonestFigures } from './honest/honest-figures.ts';
import { trialJson } from './report.ts';
import { runAbuse } from './run.ts';
import { type Trial, tryAttack } from './trial.ts';
import { budgetFactor, judge, judgeFacts, judgeLatency } from './verdict.ts';

const LONG_MS = 90_000;
const SECONDS = 2;
const folder = mkdtempSync(join(tmpdir(), 'mosaic-abuse-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

async function attack(name: string): Promise<Trial> {
  const found = ATTACKS.find((each) => each.name === name)!;
  const tools = await nativeSigningTools();
  const options = { isCluster: false, seconds: SECONDS, parentFolder: folder, tools };
  return tryAttack(found, {
    ...options,
    listener: 'mtls',
    attackerGoesLast: false,
    say: () => {},
  });
}

describe('honest clients, beside an attacker who', () => {
  it(
    'floods with records, are all served, and the attacker gets one budget',
    async () => {
      const trial = await attack('submission-flood');
      expect(judgeFacts(trial).filter(({ isHeld }) => !isHeld)).toEqual([]);
      expect(trial.attacked.honest.succeeded).toBeGreaterThan(50);
      expect(budgetFactor(trial)).toBeLessThanOrEqual(1.1);
      expect(trial.attacker.refused['TOO_FAST']).toBeGreaterThan(0);
      expect(judgeLatency(trial)).toHaveLength(3);
      expect(JSON.parse(JSON.stringify(trialJson(trial)))).toMatchObject({
        attack: 'submission-flood',
        attacked: { success: 1, latency: { submission: { p50Ms: expect.any(Number) } } },
      });
    },
    LONG_MS,
  );

  it(
    'forges signatures from their address, are all served, and the attacker is banned',
    async () => {
      const trial = await attack('forged-signatures');
      expect(judgeFacts(trial).filter(({ isHeld }) => !isHeld)).toEqual([]);
      expect(totalOf(trial.attacker.accepted)).toBe(0);
      expect(trial.attacker.refused['closing IP_TEMP_BANNED']).toBeGreaterThan(0);
    },
    LONG_MS,
  );

  it(
    'sends pings without end, are all served, and the attacker is cut',
    async () => {
      const trial = await attack('ping-flood');
      expect(judgeFacts(trial).filter(({ isHeld }) => !isHeld)).toEqual([]);
      expect(trial.attacker.refused['cut']).toBeGreaterThan(0);
    },
    LONG_MS,
  );
});

describe('a verdict', () => {
  /** A trial whose figures are right but for what a test changes. */
  function trialOf(change: (trial: Trial) => void): Trial {
    const phase = () => ({
      honest: new HonestFigures(),
      usage: { cpuMicrosPerSecond: 1, ownBytes: 1, ownBytesMax: 1 },
    });
    const trial: Trial = {
      attack: ATTACKS.find(({ name }) => name === 'submission-flood')!,
      quiet: [phase(), phase()],
      attacked: phase(),
      attacker: { sent: 1, accepted: {}, refused: { cut: 1 }, cpuMicros: 1, elapsedMs: 1_000 },
      gateways: 1,
      ownBytesAfter: 1,
    };
    for (const { honest } of [...trial.quiet, trial.attacked]) {
      for (let n = 0; n < 100; n++) {
        for (const name of HONEST_OPERATIONS) honest.latency[name].record(20_000);
      }
    }
    change(trial);
    return trial;
  }
  const broken = (trial: Trial): string[] =>
    judge(trial).flatMap(({ what, isHeld }) => (isHeld ? [] : [what]));

  it('is that all held, where it did', () => {
    expect(broken(trialOf(() => {}))).toEqual([]);
  });

  it.each<[string, (trial: Trial) => void]>([
    ['honest success', ({ attacked }) => attacked.honest.failed('query', 'somebody', 'TOO_FAST')],
    ['memory', ({ attacked }) => Object.assign(attacked.usage, { ownBytesMax: 2 ** 30 })],
    ['budget', ({ attacker }) => Object.assign(attacker, { accepted: { ACCEPTED: 500 } })],
    ['budget', ({ attacker }) => Object.assign(attacker, { refused: {} })],
    [
      'query p99',
      ({ attacked }) => {
        for (let n = 0; n < 10; n++) attacked.honest.latency.query.record(50_000);
      },
    ],
  ])('names what did not: %s', (what, change) => {
    expect(broken(trialOf(change))).toEqual([what]);
  });

  it('grants what chance alone made of quiet phases', () => {
    const trial = trialOf(({ quiet, attacked }) => {
      for (let n = 0; n < 10; n++) quiet[1].honest.latency.query.record(40_000);
      for (let n = 0; n < 10; n++) attacked.honest.latency.query.record(150_000);
    });
    expect(broken(trial)).toEqual([]);
  });
});

describe('the command', () => {
  it.each([
    [['--attack', 'nothing'], /no attack "nothing"/],
    [['--attack', 'two-gateways'], /add --cluster/],
    [['--attack', 'policy-hook-hangs', '--cluster'], /leave --cluster out/],
    [['--listener', 'tcp'], /mtls or uws/],
    [['--listener', 'uws', '--cluster'], /leave --cluster out/],
    [['--seconds', '0'], /a whole number from 1/],
    [['--loud'], /--loud/],
  ])('refuses %j', async (args, why) => {
    const said: string[] = [];
    const output = { write: () => {}, say: (line: string) => void said.push(line) };
    expect(await runAbuse(args, output)).toBe(2);
    expect(said.join('\n')).toMatch(why);
  });

  it('names every attack in its help', async () => {
    const lines: string[] = [];
    const output = { write: (line: string) => void lines.push(line), say: () => {} };
    expect(await runAbuse(['--help'], output)).toBe(0);
    for (const { name } of ATTACKS) expect(lines.join('\n')).toContain(name);
    expect(new Set(ATTACKS.map(({ name }) => name)).size).toBe(ATTACKS.length);
  });
});
