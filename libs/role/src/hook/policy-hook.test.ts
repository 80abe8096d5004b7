/** The policy hook with programs that behave and programs that do not. */
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { KNOWN_KINDS, RESULT, type RecordView } from '@mosaic-cluster/protocol';
import { type Logger, silentLogger } from '@mosaic-cluster/runtime';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { kind, moment, notify, person, record } from '../../testing/people.ts';
import {
  HOOK_WAITING_MAX,
  openPolicyHook,
  type PolicyHook,
  type PolicyHookOptions,
} from './policy-hook.ts';

const ALICE = person(0);
/** Long: a busy machine must not make an answer late. */
const PATIENT_MS = 20_000;

let folder: string;
let hook: PolicyHook | undefined;
let answers: string[];
let useless: number;
let warnings: string[];
let said: unknown[];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-hook-'));
  [answers, useless, warnings, said] = [[], 0, [], []];
});
afterEach(async () => {
  await hook?.close();
  hook = undefined;
  await rm(folder, { recursive: true });
});

const log: Logger = {
  ...silentLogger,
  info: (message, fields) => void said.push(fields?.['line'] ?? message),
  warn: (message) => void warnings.push(message),
  error: (message) => void warnings.push(message),
};

/** @param body of a program to which each line that it reads is given as `ask` */
async function open(body: string, options: Partial<PolicyHookOptions> = {}): Promise<PolicyHook> {
  const path = join(folder, 'hook.mjs');
  const head = `import { createInterface } from 'node:readline';
const say = (answer) => process.stdout.write(JSON.stringify(answer) + '\\n');
const lines = createInterface({ input: process.stdin });
`;
  await writeFile(path, head + body);
  hook = await openPolicyHook({
    command: [process.execPath, path],
    fallback: 'busy',
    timeoutMs: PATIENT_MS,
    payloadBytesMax: 1000,
    log,
    pauseMs: 1,
    events: { answered: (by) => answers.push(by), useless: () => (useless += 1) },
    ...options,
  });
  return hook;
}

const EACH = (reaction: string): string =>
  `lines.on('line', (line) => { const ask = JSON.parse(line); ${reaction} });`;
const ACCEPT = EACH(`say({ id: ask.id, action: 'accept' });`);

const numbered = (n: number): RecordView => record(ALICE, { timestamp: moment(n) });

function ask(records: readonly RecordView[], submitter?: Uint8Array) {
  const submissions = records.map((each) => ({ record: each, submitter }));
  return hook!.ask({ role: 'inbox', submissions, receivedAt: moment(0) });
}

describe('a policy hook', () => {
  it('decides on each record, in whatever order it answers', async () => {
    await open(`let asked = [];
${EACH(`asked.push(ask); if (asked.length < 4) return;
  const verdicts = [{ action: 'accept' }, { action: 'reject' }, { action: 'hold' }, { action: 'reject', code: 'TOO_LARGE', message: 'no' }];
  for (const i of [2, 0, 3, 1]) say({ id: asked[i].id, ...verdicts[i] });`)}`);
    const records = [1, 2, 3, 4].map(numbered);
    const expected = ['accept', RESULT.UNAUTHORIZED, 'hold', RESULT.TOO_LARGE];
    expect(await ask(records)).toEqual(expected);
    expect(answers.toSorted()).toEqual(['accept', 'hold', 'reject', 'reject']);
  });

  it('is told who sent what, and of private records neither what nor to whom', async () => {
    await open(EACH(`process.stderr.write(line + '\\n'); say({ id: ask.id, action: 'accept' });`));
    const shown = record(ALICE, {
      tags: [notify(person(1))],
      payload: Buffer.from('hello'),
    });
    const large = record(ALICE, { payload: new Uint8Array(1001) });
    const secret = record(ALICE, {
      kind: kind({ audience: 'author-and-tagged' }),
      tags: [notify(person(1))],
      payload: Buffer.from('hush'),
    });
    await ask([shown, large, secret], person(2).key);
    await expect.poll(() => said).toHaveLength(3);
    const told = said.map((line) => JSON.parse(String(line)) as Record<string, unknown>);
    expect(told).toMatchObject([
      {
        role: 'inbox',
        payload: 'aGVsbG8=',
        private: false,
        kindName: null,
        bytes: shown.bytes.length,
      },
      { payload: null, payloadBytes: 1001 },
      { private: true },
    ]);
    expect(told[0]?.['tags']).toHaveLength(1);
    expect(told[0]?.['submitter']).toMatch(/^mopub0/);
    expect(Object.keys(told[2]!)).not.toContain('tags');
    for (const hidden of ['tags', 'payload', 'payloadBytes', 'submitter', 'zstd']) {
      expect(told[2]).not.toHaveProperty(hidden);
    }
  });

  it('gets none of the settings of the server', async () => {
    await open(
      EACH(
        `process.stderr.write(Object.keys(process.env).join() + '\\n'); say({ id: ask.id, action: 'accept' });`,
      ),
    );
    await ask([numbered(1)]);
    await expect.poll(() => said).toEqual(['PATH']);
  });

  it('is refused where there is no such program', async () => {
    const missing = openPolicyHook({
      command: [join(folder, 'nothing')],
      fallback: 'accept',
      timeoutMs: 1000,
      payloadBytesMax: 0,
      log,
    });
    await expect(missing).rejects.toMatchObject({ kind: 'invalid', code: 'policy-hook' });
  });
});

describe('a policy hook that does not behave', () => {
  it.each([
    ['accept', 'accept'],
    ['reject', RESULT.PERSISTENT_ERROR],
    ['busy', RESULT.TEMPORARY_ERROR],
  ] as const)('is decided for by %s where it hangs, and is started again', async (fallback, verdict) => {
    await open('setInterval(() => {}, 1000);', { fallback, timeoutMs: 15 });
    const restarts = async (): Promise<number> => {
      expect(await ask([numbered(1), numbered(2)])).toEqual([verdict, verdict]);
      return hook!.restarts;
    };
    await expect.poll(restarts, { timeout: PATIENT_MS }).toBeGreaterThan(0);
    expect(answers).toContain('late');
    expect(warnings.join()).toContain('answered nothing for');
    expect(hook!.waiting).toBe(0);
  });

  it('is decided for at once where it ends, and is asked again when it runs again', async () => {
    await open(
      EACH(
        `if (ask.kindName === 'reply-comment') process.exit(3); say({ id: ask.id, action: 'accept' });`,
      ),
    );
    const deadly = record(ALICE, { kind: KNOWN_KINDS['reply-comment'] });
    expect(await ask([numbered(1), deadly, numbered(2)])).toContain(RESULT.TEMPORARY_ERROR);
    expect(answers).toContain('gone');
    await expect.poll(async () => ask([numbered(1)]), { timeout: PATIENT_MS }).toEqual(['accept']);
    expect(hook!.restarts).toBeGreaterThan(0);
    expect(warnings.join()).toContain('code 3');
  });

  it('is started again and again where it cannot even begin, later each time', async () => {
    const path = join(folder, 'broken');
    await writeFile(path, '#!/nowhere/at/all\n');
    await chmod(path, 0o755);
    await open('', { command: [path] });
    await expect.poll(() => hook!.restarts, { timeout: PATIENT_MS }).toBeGreaterThan(2);
    expect(await ask([numbered(1)])).toEqual([RESULT.TEMPORARY_ERROR]);
    expect(warnings.join()).toMatch(/in 1 ms.*in 2 ms.*in 4 ms/s);
  });

  it('is not listened to where it answers what nobody asked, and started again in the end', async () => {
    await open(
      EACH(
        `for (let i = 0; i < 1200; i++) say({ id: 'x' + i, action: 'accept' }); say({ id: ask.id, action: 'accept' });`,
      ),
    );
    await ask([numbered(1)]);
    await expect.poll(() => hook!.restarts, { timeout: PATIENT_MS }).toBe(1);
    expect(useless).toBeGreaterThanOrEqual(1000);
    expect(warnings.filter((each) => each.includes('no question'))).toHaveLength(1);
  });

  it('is decided for where its answers make no sense', async () => {
    await open(
      EACH(`
      const senseless = ['maybe', undefined, 'accept ', 7];
      say({ id: ask.id, action: senseless[(Number(ask.id) - 1) % 5], code: 'LATER' });
      if (ask.id === '5') say({ id: ask.id, action: 'reject', code: 'ACCEPTED' });`),
    );
    const records = [1, 2, 3, 4, 5].map(numbered);
    expect(await ask(records)).toEqual(records.map(() => RESULT.TEMPORARY_ERROR));
    expect(answers).toEqual(records.map(() => 'malformed'));
    expect(warnings.filter((each) => each.includes('no sense'))).toHaveLength(1);
  });

  it('may write garbage without end and without a line, beside its answers', async () => {
    await open(
      EACH(
        `process.stdout.write('x'.repeat(3_000_000) + '\\n[1\\nnull\\n{}\\n'); say({ id: ask.id, action: 'accept' });`,
      ),
    );
    expect(await ask([numbered(1)])).toEqual(['accept']);
    expect(useless).toBe(4);
  });

  it('may write errors without end: a part of them is logged', async () => {
    await open(
      EACH(
        `for (let i = 0; i < 5000; i++) process.stderr.write('trouble\\n'); say({ id: ask.id, action: 'accept' });`,
      ),
    );
    await ask([numbered(1)]);
    await expect.poll(() => said.length).toBeGreaterThan(10);
    expect(said.length).toBeLessThan(2000);
  });

  it('answers late, of which nobody hears, and in time again', async () => {
    await open(
      EACH(
        `if (ask.id === '1') return; if (ask.id === '2') say({ id: '1', action: 'reject' }); say({ id: ask.id, action: 'accept' });`,
      ),
      { timeoutMs: 2000 },
    );
    expect(await ask([numbered(1)])).toEqual([RESULT.TEMPORARY_ERROR]);
    expect(await ask([numbered(2)])).toEqual(['accept']);
    expect(answers).toEqual(['late', 'accept']);
    expect(useless).toBe(1);
  });

  it('is asked about so many at a time and no more', async () => {
    await open(`let asked = [];
${EACH(`asked.push(ask.id); if (asked.length === ${HOOK_WAITING_MAX}) for (const id of asked) say({ id, action: 'accept' });`)}`);
    const one = numbered(1);
    const verdicts = await ask(Array.from({ length: HOOK_WAITING_MAX + 10 }, () => one));
    expect(verdicts.filter((each) => each === 'accept')).toHaveLength(HOOK_WAITING_MAX);
    expect(answers.filter((each) => each === 'busy')).toHaveLength(10);
  });

  it('ends with the server, and is killed where it will not', async () => {
    await open(
      `process.on('SIGTERM', () => {}); process.stderr.write('ready\\n'); setInterval(() => {}, 1000);`,
    );
    await expect.poll(() => said).toEqual(['ready']);
    const waiting = ask([numbered(1)]);
    await hook!.close();
    expect(await waiting).toEqual([RESULT.TEMPORARY_ERROR]);
    expect(await ask([numbered(2)])).toEqual([RESULT.TEMPORARY_ERROR]);
    expect(hook!.restarts).toBe(0);
  });

  it('answers what it was asked before it ends', async () => {
    await open(ACCEPT);
    const waiting = ask([numbered(1), numbered(2)]);
    await hook!.close();
    expect(await waiting).toEqual(['accept', 'accept']);
  });
});
