/**
 * The command as its users meet it: the built program, in a process of its own.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  decodeHuman,
  decodeRecord,
  encodeUserKey,
  hexDecode,
  hexEncode,
  parseFilter,
  publicKeyOf,
  validateRecord,
} from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type GoldenCase, goldenCase, goldenCases } from '../../test/golden-cases.ts';
import { buildCommand, runBuilt, type RunResult } from '../../test/run-built.ts';

const SEED = '11'.repeat(32);
const PUBLIC = hexEncode(publicKeyOf(hexDecode(SEED)));
const USER = encodeUserKey(hexDecode(PUBLIC));

// Some tests start a dozen processes, on machines that are busy with other tests.
vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

let folder = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'mosaic-command-'));
  await buildCommand();
});

afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

const isPrintable = (byte: number): boolean => byte >= 0x20 && byte < 0x7f;

/** Runs in the test's folder, which is its home too. */
function mosaic(args: readonly string[], input: string | Uint8Array = ''): Promise<RunResult> {
  return runBuilt(args, { input, cwd: folder, env: { HOME: folder } });
}

async function json(args: readonly string[], input?: string): Promise<Record<string, unknown>> {
  const { stdout } = await mosaic(args, input);
  return JSON.parse(stdout) as Record<string, unknown>;
}

describe('mosaic', () => {
  test('has help at every level and a version, on standard output', async () => {
    const levels = [
      [],
      ['keygen'],
      ['inspect'],
      ['build'],
      ['build', 'record'],
      ['build', 'filter'],
      ['build', 'key-schedule'],
      ['publish'],
      ['get'],
      ['query'],
      ['subscribe'],
    ];
    for (const level of levels) {
      const { code, stdout, stderr } = await mosaic([...level, '--help']);
      expect({ code, stderr }, level.join(' ')).toEqual({ code: 0, stderr: '' });
      expect(stdout).toContain('Examples:');
      expect(stdout).toContain('Exit codes:');
      for (const line of stdout.split('\n')) expect(Array.from(line).length).toBeLessThan(101);
    }
    const { code, stdout } = await mosaic(['--version']);
    expect({ code, stdout }).toEqual({
      code: 0,
      stdout: expect.stringMatching(/^\d+\.\d+\.\d+\n$/),
    });
  });

  test.each([
    [[], /Usage: mosaic/],
    [['inspct'], /Did you mean inspect\?/],
    [['inspect', '--as', 'bogus', '00'], /Allowed choices are record/],
    [['inspect', '@missing'], /INPUT: cannot read missing: no such file/],
    [['inspect', '--file', 'x', '00'], /--file: there is an INPUT too/],
    [['build', 'record'], /required option '--kind <kind>'/],
    [['build', 'record', '--kind', 'profile'], /--secret: there is no key to sign with/],
    [['build', 'record', '--kind', 'profile', '--secret', USER], /is a public key/],
    [['build', 'filter', '--since', 'soon'], /--since: "soon" is no time/],
    [['build', 'filter', '--human', '--author', USER], /a filter has no human encoding/],
    [['build', 'filter', '--hex', '--base64', '--author', USER], /only one can be/],
    [['keygen', '--password-cost', '50'], /from 1 to 22/],
    [['keygen', '--password-stdin'], /no password on standard input/],
  ])('%j is a usage error', async (args, problem) => {
    const { code, stdout, stderr } = await mosaic(args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(problem);
    expect(stderr).not.toContain('    at ');
  });

  test('colours nothing that is not a terminal', async () => {
    const { stdout } = await runBuilt(['inspect', PUBLIC], { env: { FORCE_COLOR: '1' } });
    expect(stdout).not.toContain('\u001B');
    const help = await runBuilt(['--help'], { env: { FORCE_COLOR: '1' } });
    expect(help.stdout).not.toContain('\u001B');
  });
});

describe('mosaic keygen', () => {
  test('agrees with every golden key pair', async () => {
    const pairs = goldenCases('keys').filter((one) => one.type === 'keypair');
    expect(pairs.length).toBeGreaterThan(3);
    for (const { seed = '', public: publicKey } of pairs.slice(0, 4)) {
      const result = await json(['keygen', '--seed', seed, '--json', '--show-secret']);
      expect(result).toMatchObject({ publicKey });
      expect(hexEncode(decodeHuman('secretKey', String(result['secretKey'])))).toBe(seed);
    }
  });

  test('puts a new key into the folder for keys, for its owner only, and shows no secret', async () => {
    const { stdout, code } = await mosaic(['keygen']);
    expect(code).toBe(0);
    expect(stdout).not.toContain('mosec0');
    const keys = join(folder, '.config', 'mosaic', 'keys');
    const [name = ''] = readdirSync(keys);
    expect(stdout).toContain(join(keys, name));
    expect(statSync(join(keys, name)).mode & 0o777).toBe(0o600);
    const secret = readFileSync(join(keys, name), 'utf8').trim();
    const user = encodeUserKey(publicKeyOf(decodeHuman('secretKey', secret)));
    expect(stdout).toContain(user);
    expect(name).toBe(`${user}.key`);
  });

  test('never overwrites a file', async () => {
    writeFileSync(join(folder, 'taken.key'), 'mine');
    const { code, stderr } = await mosaic(['keygen', '--out', 'taken.key']);
    expect(code).toBe(2);
    expect(stderr).toContain('it exists already');
    expect(readFileSync(join(folder, 'taken.key'), 'utf8')).toBe('mine');
  });

  test('puts a key under a password that opens it again, and no other does', async () => {
    const cost = ['--password-stdin', '--password-cost', '4'];
    const made = await json(['keygen', '--seed', SEED, ...cost, '--json'], 'pass word\n');
    expect(made).not.toHaveProperty('secretKey');
    const encrypted = String(made['encryptedSecretKey']);
    const open = ['inspect', encrypted, '--password-stdin', '--json'];
    expect(await json(open, 'pass word')).toMatchObject({
      valid: true,
      fields: { publicKey: PUBLIC, secretKey: null },
    });
    const wrong = await mosaic(open, 'password');
    expect(wrong.code).toBe(1);
    expect(JSON.parse(wrong.stdout)).toMatchObject({ valid: false, fault: { code: 'password' } });
  });
});

describe('mosaic inspect', () => {
  const record = goldenCase('records-valid', 'payload-8').record ?? '';
  const bytes = hexDecode(record);

  test.each<[string, readonly string[], string | Uint8Array]>([
    ['hex', [record], ''],
    ['base64', [Buffer.from(bytes).toString('base64')], ''],
    ['url-safe base64', [Buffer.from(bytes).toString('base64url')], ''],
    ['bytes on standard input', [], bytes],
    ['hex in lines on standard input', ['-'], record.replace(/(.{32})/g, '$1\n')],
    ['hex that is called so', ['--encoding', 'hex', `0x${record}`], ''],
  ])('reads %s', async (_, args, input) => {
    const { stdout, code } = await mosaic(['inspect', ...args, '--json'], input);
    const author = goldenCase('records-valid', 'payload-8').inputs?.author;
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ type: 'record', valid: true, fields: { author } });
  });

  test('reads files, by @FILE and --file', async () => {
    writeFileSync(join(folder, 'post.record'), bytes);
    for (const args of [['@post.record'], ['--file', 'post.record']]) {
      const { stdout, code } = await mosaic(['inspect', ...args]);
      expect(code).toBe(0);
      expect(stdout).toMatch(/^record, 224 bytes from binary: valid\n/);
      expect(stdout).toContain('2025-06-15T19:06:12.526656623Z');
      expect(stdout).toContain('microblog-root');
    }
    const hint = await mosaic(['inspect', 'post.record']);
    expect(hint).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('@post.record reads it'),
    });
  });

  test('says where an invalid record is wrong', async () => {
    const one = goldenCases('records-invalid').find(({ step }) => step === '7');
    const { code, stdout } = await mosaic(['inspect', one?.record ?? '']);
    expect(code).toBe(1);
    expect(stdout).toMatch(/^record, \d+ bytes from hex: INVALID\n/);
    expect(stdout).toContain('invalid: step 7, bytes [8:48): the ID does not hold the hash');
    expect(stdout).toMatch(/^ {8}0 {2}(?:[0-9a-f]{2} +){15}[0-9a-f]{2}\n {36}\^{23}$/m);
  });

  test('gives the same verdicts in JSON, for one record of each step', async () => {
    const steps = new Map<string, GoldenCase>();
    for (const one of goldenCases('records-invalid')) steps.set(one.step ?? '', one);
    expect(steps.size).toBeGreaterThan(10);
    for (const [step, one] of steps) {
      const { code, stdout } = await mosaic(
        ['inspect', '--as', 'record', '--json', '-'],
        one.record,
      );
      expect(code, step).toBe(one.spec === 'accept' ? 0 : 1);
      const { fault } = JSON.parse(stdout) as { fault: { step: string } | null };
      if (fault !== null) expect(one.all_steps, one.name).toContain(fault.step);
    }
  });

  test('shows the filter and the record inside messages, with offsets of the message', async () => {
    const query = goldenCase('messages', 'query-limit-65535').bytes ?? '';
    const asked = await mosaic(['inspect', query]);
    expect(asked.stdout).toContain('65535');
    expect(asked.stdout).toContain('TOO_OPEN');
    const sent = goldenCase('messages', 'submission-0').bytes ?? '';
    const damaged = `${sent.slice(0, -2)}${sent.endsWith('00') ? '01' : '00'}`;
    const report = JSON.parse((await mosaic(['inspect', '--json', damaged])).stdout) as object;
    expect(report).toMatchObject({
      type: 'message',
      fields: { type: { code: 5, name: 'submission', sender: 'client' } },
      fault: { step: '9', range: [160, 224] },
      nested: { record: { type: 'record', valid: false } },
    });
  });

  test('shows key schedules and profiles', async () => {
    const markers = goldenCase('keyschedule', 'all-markers').record ?? '';
    const schedule = await mosaic(['inspect', markers]);
    expect(schedule.code).toBe(0);
    expect(schedule.stdout).toContain('revoked: nothing that it ever signed counts');
    expect(schedule.stdout).toContain('out of use, nothing is revoked');
    const bad = goldenCase('keyschedule', 'attestation-bad-signature').record ?? '';
    const refused = await mosaic(['inspect', bad]);
    expect(refused.code).toBe(1);
    expect(refused.stdout).toContain("an attestation's signature is not valid");
    const person = goldenCase('profile', 'all-fields').record ?? '';
    expect((await mosaic(['inspect', person])).stdout).toMatch(/display name +Zoë ☂\n/);
  });

  test('never shows a secret without being asked', async () => {
    const secret = `mosec0${'y'.repeat(51)}o`;
    const shown = await mosaic(['inspect', secret]);
    expect(shown.code).toBe(0);
    expect(shown.stdout).toContain('as a user');
    const inputs = [
      ['inspect', secret],
      ['inspect', '--json', secret],
      ['inspect', '--as', 'key', secret],
      ['inspect', `${secret}l`],
      ['inspect', secret.toUpperCase().replace('0', '1')],
      ['inspect', '--as', 'secret-key', `${SEED.slice(0, -1)}x`],
      ['build', 'record', '--kind', 'profile', '--secret', `${secret}l`],
      ['build', 'filter', '--author', secret],
    ];
    for (const args of inputs) {
      const { stdout, stderr } = await mosaic(args);
      expect(stdout + stderr, args.join(' ')).not.toMatch(/y{20}|1{20}/i);
    }
    expect((await mosaic(['inspect', '--show-secret', secret])).stdout).toContain('mosec0yyyy');
  });

  test('leaves out bytes of a failed key that may be a secret key', async () => {
    const wrong = goldenCases('keys').find((one) => one.class === 'not-a-point')?.public ?? '';
    const { code, stdout } = await mosaic(['inspect', wrong]);
    expect(code).toBe(1);
    expect(stdout.replaceAll(' ', '')).not.toContain(wrong.slice(0, 16));
    expect(stdout).toContain('--as secret-key');
  });

  test.each([
    ['zz!', /^error: the text is not hex, base64 or a human encoding/],
    ['abc', /^error: hex has an odd number of digits\n {4}abc\n {6}\^\n/],
    ['00112233', /^error: nothing in Mosaic looks like these 4 bytes\n/],
    [`${USER.slice(0, -1)}l`, /not in the zbase32 alphabet/],
  ])('%s is explained and exits with 1', async (input, problem) => {
    const { code, stdout, stderr } = await mosaic(['inspect', input]);
    expect({ code, stdout }).toEqual({ code: 1, stdout: '' });
    expect(stderr).toMatch(problem);
    expect((await json(['inspect', '--json', input]))['valid']).toBe(false);
  });
});

describe('mosaic build', () => {
  test('makes the golden records, byte for byte', async () => {
    const usable = goldenCases('records-valid').filter(({ inputs }) => {
      const input = hexDecode(inputs?.nonce.input ?? '');
      const isName = inputs?.nonce.method !== 'deterministic' || input.every(isPrintable);
      const hasPayload = inputs?.payload.hex !== undefined && inputs.payload.hex.length < 4000;
      return isName && hasPayload && (inputs.flags & 1) === 0;
    });
    const byClass = new Map(usable.map((one) => [one.class, one]));
    expect(byClass.size).toBeGreaterThan(10);
    for (const { name, inputs, record } of byClass.values()) {
      if (inputs === undefined) continue;
      const { method, input } = inputs.nonce;
      const label = Buffer.from(input, 'hex').toString();
      const nonce = { deterministic: `name:${label}`, timestamp: 'timestamp' }[method] ?? input;
      const tags = inputs.tags as readonly { type: number; value: string }[];
      const args = ['build', 'record', '--hex', '--kind', inputs.kind, '--author', inputs.author];
      args.push('--secret', inputs.signer_seed, '--timestamp', inputs.timestamp, '--nonce', nonce);
      args.push('--payload', '-', ...tags.flatMap((tag) => ['--tag', `${tag.type}:${tag.value}`]));
      if ((inputs.flags & 4) !== 0) args.push('--from-author');
      const { stdout, stderr } = await mosaic(args, hexDecode(inputs.payload.hex ?? ''));
      expect({ stdout: stdout.trim(), stderr }, name).toEqual({ stdout: record, stderr: '' });
    }
  });

  test('signs with the key of the environment and prints a human encoding by default', async () => {
    writeFileSync(join(folder, 'alice.key'), `${SEED}\n`);
    const args = ['build', 'record', '--kind', 'microblog-root', '--payload', 'Hello'];
    const env = { MOSAIC_SECRET_KEY: '@alice.key' };
    const { stdout } = await runBuilt(args, { cwd: folder, env });
    const record = validateRecord(decodeRecord(stdout.trim()).bytes);
    expect(hexEncode(record.author)).toBe(PUBLIC);
    expect(Buffer.from(record.payload).toString()).toBe('Hello');
  });

  test('writes bytes to a file, once', async () => {
    const args = ['build', 'record', '--kind', 'profile', '--secret', SEED, '--out', 'once.record'];
    const first = await mosaic([...args, '--payload', 'no CBOR']);
    expect(first).toMatchObject({ code: 0, stdout: '' });
    expect(first.stderr).toMatch(/^note: servers refuse this record: profile: /);
    const written = readFileSync(join(folder, 'once.record'));
    expect(validateRecord(written).isProfile).toBe(true);
    expect((await mosaic(args)).code).toBe(2);
    expect(readFileSync(join(folder, 'once.record'))).toEqual(written);
  });

  test('marks only what is compressed already', async () => {
    const args = ['build', 'record', '--kind', '99:1:unique,everybody', '--secret', SEED];
    const plain = await mosaic([...args, '--zstd', '--payload', 'plain text']);
    expect(plain).toMatchObject({ code: 2, stderr: expect.stringContaining('Compress it first') });
    const frame = hexDecode('28b52ffd0458110000616263');
    const marked = await mosaic([...args, '--zstd', '--payload', '-'], frame);
    expect(decodeRecord(marked.stdout.trim()).zstd).toBe(true);
  });

  test('makes filters of every element', async () => {
    const id = goldenCases('keys').find((one) => one.ref_kind === 'id')?.moref0 ?? '';
    const args = ['build', 'filter', '--author', USER, '--signing-key', PUBLIC];
    args.push('--kind', 'profile', '--kind', 'blog-post', '--timestamp', '1750014400526656623');
    args.push('--tag', '1:00', '--tag', '2:00', '--also-tag', '3:00', '--exclude-tag', '4:00');
    args.push('--since', '2025-01-01', '--until', '2025-01-02', '--exclude', id);
    args.push('--received-since', '2025-01-03', '--received-until', '2025-01-04');
    const { stdout, stderr, code } = await mosaic(args);
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' });
    const { elements } = parseFilter(hexDecode(stdout.trim()));
    expect(elements.map(({ name, entries }) => `${name} ${entries.length}`).join(', ')).toBe(
      'authors 1, signingKeys 1, kinds 2, timestamps 1, includedTags 2, includedTags 1, since 1, ' +
        'until 1, receivedSince 1, receivedUntil 1, exclude 1, excludedTags 1',
    );
    const open = await mosaic(['build', 'filter', '--since', '2025-01-01']);
    expect(open).toMatchObject({ code: 0, stderr: expect.stringContaining('TOO_OPEN') });
  });

  test('lists a subkey, and revokes it when its secret is lost', async () => {
    const subkey = '22'.repeat(32);
    const lost = encodeUserKey(publicKeyOf(hexDecode(subkey)));
    const master = ['build', 'key-schedule', '--secret', SEED];
    const first = await mosaic([...master, '--subkey', `active=${subkey}`, '--out', 'keys.record']);
    expect(first).toMatchObject({ code: 0, stderr: '' });
    const unknown = await mosaic([...master, '--subkey', `revoked-all@now=${lost}`]);
    expect(unknown).toMatchObject({ code: 2, stderr: expect.stringContaining('no attestation') });
    const time = '2026-11-20T08:00:00Z';
    const revoke = ['--from', '@keys.record', '--subkey', `revoked-past@${time}=${lost}`];
    const { stdout } = await mosaic([...master, ...revoke]);
    const inspected = await json(['inspect', '--as', 'key-schedule', '--json'], stdout);
    expect(inspected).toMatchObject({
      valid: true,
      nested: {
        keySchedule: {
          fields: {
            entries: [
              {
                kind: 'subkey',
                marker: 'revokedPast',
                key: hexEncode(publicKeyOf(hexDecode(subkey))),
                revokedAt: { utc: time },
              },
            ],
          },
        },
      },
    });
  });
});
