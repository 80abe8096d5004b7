/** `mosaic-admin verify` on folders that a real server filled, whole and damaged. Needs a build. */
import { cp, readFile, rm, stat, truncate, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { hexEncode, parseRecord, RECORD_AT } from '@mosaic-cluster/protocol';
import { processHost } from '@mosaic-cluster/client/command';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import {
  aliceRecord,
  FilledFolders,
  PRIVATE_TEXT,
  publish,
  segmentsOf,
  SERVER_SETTINGS,
} from '../../testing/filled-folder.ts';
import { runAdmin, type RunResult } from '../../testing/run-admin.ts';
import { runHere } from '../../testing/run-here.ts';
import { startServer } from '../../testing/server.ts';
import { appendUnchecked, changeIndex, entriesOf, flipByte } from '../../testing/tamper.ts';
import { run } from '../program.ts';
import type { Finding } from './findings.ts';
import type { RoleCounts } from './verify-state.ts';

// Some tests run processes, and on a busy machine they take their time to start.
vi.setConfig({ testTimeout: 120_000 });

const folders = new FilledFolders();
beforeAll(() => folders.folder(), 120_000);
afterAll(() => folders.close());

interface Report {
  readonly whole: boolean;
  readonly roles: Readonly<Record<string, RoleCounts>>;
  readonly found: Readonly<Record<string, number>>;
  readonly findings: readonly Finding[];
}

function expectNothingPrivate({ stdout, stderr }: RunResult): void {
  const hex = Buffer.from(PRIVATE_TEXT).toString('hex');
  for (const secret of [PRIVATE_TEXT, hex, 'mosec0']) expect(stdout + stderr).not.toContain(secret);
}

async function verified(
  folder: string,
  ...args: string[]
): Promise<{ code: number | null; report: Report }> {
  const usual = ['--json', '--one-in', '1', '--signatures', 'none'];
  const result = await runHere(['verify', '--data', folder, ...usual, ...args]);
  expectNothingPrivate(result);
  return { code: result.code, report: JSON.parse(result.stdout) as Report };
}

/** Verifies, expects exit code 1, and returns the findings. */
async function findingsOf(folder: string, ...args: string[]): Promise<readonly Finding[]> {
  const { code, report } = await verified(folder, ...args);
  expect(code).toBe(1);
  expect(report.whole).toBe(false);
  return report.findings;
}

describe('a folder that is whole', () => {
  it('is found whole, and stays as it was', async () => {
    const folder = await folders.folder();
    const before = await filesOf(folder);
    const { code, report } = await verified(folder, '--signatures', 'all');
    expect(report.findings).toEqual([]);
    expect(code).toBe(0);
    expect(await filesOf(folder)).toEqual(before);
    for (const role of ['outbox', 'inbox', 'encryption']) {
      const { records, found, replaced, signatures, paths, entries } = report.roles[role]!;
      expect(records).toBe((await entriesOf(folder, role)).length);
      expect(found + replaced).toBe(records);
      expect(signatures).toBe(records);
      expect(paths).toBe(found);
      expect(entries).toBe(found);
    }
    expect(report.roles['outbox']!.replaced).toBeGreaterThan(0);
    expect(report.roles['inbox']!.heldEntries).toBe(report.roles['inbox']!.records);
  });

  it('is found whole while its server runs and takes records', async () => {
    const folder = await folders.folder();
    const server = await startServer(folder, SERVER_SETTINGS);
    const more = Array.from({ length: 1500 }, () => aliceRecord());
    try {
      const publishing = publish(server, more);
      const { code, report } = await verified(folder);
      expect(report.findings).toEqual([]);
      expect(code).toBe(0);
      await publishing;
      const after = await verified(folder, '--signatures', 'none');
      expect(after.code).toBe(0);
      expect(after.report.roles['outbox']!.records).toBeGreaterThan(more.length);
    } finally {
      await server.stop('SIGKILL');
    }
    // A server that was killed leaves an index that this boot can trust.
    expect((await verified(folder)).code).toBe(0);
  });

  it('is found whole where a server has taken nothing yet', async () => {
    const folder = await folders.path();
    const server = await startServer(folder, SERVER_SETTINGS);
    try {
      expect((await verified(folder)).report.findings).toEqual([]);
    } finally {
      await server.stop('SIGTERM');
    }
    expect(await verified(folder)).toMatchObject({ code: 0, report: { whole: true } });
  });

  it('is reported on in words without --json', async () => {
    const { code, stdout } = await runAdmin(['verify', '--data', await folders.folder()]);
    expect(code).toBe(0);
    expect(stdout).toContain('Nothing is wrong');
    expect(stdout).toMatch(/signatures checked, 1 in 100/);
  });
});

describe('damage in segments', () => {
  it('is named where a byte was flipped, with the record that it hit', async () => {
    const folder = await folders.folder();
    const [first] = await segmentsOf(folder, 'outbox');
    const entries = await entriesOf(folder, 'outbox');
    const hit = entries[40]!;
    const offset = Buffer.from(hit.location).readUInt32BE(4);
    await flipByte(first!, offset + 16 + hit.record.bytes.length - 80);
    const findings = await findingsOf(folder);
    const name = basename(first!);
    expect(findings.map(({ kind }) => kind).sort()).toEqual(['record-invalid', 'segment-damaged']);
    expect(findings).toContainEqual(
      expect.objectContaining({ kind: 'segment-damaged', role: 'outbox', segment: name }),
    );
    const id = hexEncode(hit.record.id.subarray(0, 24));
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'record-invalid', id }));
    const { code, stdout } = await runHere(['verify', '--data', folder]);
    expect(code).toBe(1);
    expect(stdout).toContain(`${name} at byte`);
    expect(stdout).toContain('restore the segment from a backup');
  });

  it('is named where the head of a segment is damaged, with all records in it', async () => {
    const folder = await folders.folder();
    const [first] = await segmentsOf(folder, 'outbox');
    await flipByte(first!, 20);
    const { report, code } = await verified(folder);
    expect(code).toBe(1);
    expect(report.found['segment-damaged']).toBe(1);
    expect(report.found['record-invalid']).toBeGreaterThan(100);
    expect(report.findings.length).toBeLessThanOrEqual(1000);
    expect(Object.keys(report.found).sort()).toEqual(['record-invalid', 'segment-damaged']);
  });

  it('is named where an old segment was cut off', async () => {
    const folder = await folders.folder();
    const [first] = await segmentsOf(folder, 'outbox');
    await truncate(first!, (await stat(first!)).size - 3000);
    const findings = await findingsOf(folder);
    expect(findings).toContainEqual(
      expect.objectContaining({ kind: 'segment-damaged', segment: basename(first!) }),
    );
  });

  it.each([
    ['between commits', 0],
    ['within a commit', 5],
  ])('is named where the newest segment was cut off %s', async (_, more) => {
    const folder = await folders.folder();
    const newest = (await segmentsOf(folder, 'inbox')).at(-1)!;
    const last = Buffer.from((await entriesOf(folder, 'inbox')).at(-1)!.location);
    const cut = await startOfCommit(newest, last.readUInt32BE(4));
    await truncate(newest, cut + more);
    const findings = await findingsOf(folder);
    expect(findings[0]).toMatchObject({ kind: 'log-behind-index', role: 'inbox' });
    expect(findings.filter(({ kind }) => kind === 'index-dangling').length).toBeGreaterThan(0);
  });

  it('is named where a segment is gone', async () => {
    const folder = await folders.folder();
    await rm((await segmentsOf(folder, 'outbox'))[1]!);
    expect((await verified(folder)).report.found['index-dangling']).toBeGreaterThan(100);
  });

  it('is named where a record is not what was signed, though all checksums match', async () => {
    const folder = await folders.folder();
    const forged = Uint8Array.from(aliceRecord({ payload: new Uint8Array(8) }).bytes);
    forged[forged.length - 5]! ^= 1;
    const unhashed = Uint8Array.from(aliceRecord({ payload: new Uint8Array(8) }).bytes);
    unhashed[RECORD_AT.tags]! ^= 1;
    await appendUnchecked(folder, 'encryption', parseRecord(forged));
    await appendUnchecked(folder, 'encryption', parseRecord(unhashed));
    const ids = async (signatures: string): Promise<(string | undefined)[]> =>
      (await findingsOf(folder, '--signatures', signatures))
        .filter(({ kind }) => kind === 'record-invalid')
        .map(({ id }) => id);
    const [forgedId, unhashedId] = [forged, unhashed].map((each) => hexEncode(each.slice(0, 48)));
    expect(await ids('all')).toEqual([forgedId, unhashedId]);
    expect(await ids('sample')).toEqual([forgedId, unhashedId]);
    expect(await ids('none')).toEqual([unhashedId]);
  });
});

describe('an index that does not answer what the segments say', () => {
  it('is named where a record is not found by its ID', async () => {
    const folder = await folders.folder();
    const [entry] = await entriesOf(folder, 'encryption');
    const id = hexEncode(entry!.record.id);
    await changeIndex(folder, 'encryption', (rows) => rows.delete(`01${id}`));
    const findings = await findingsOf(folder);
    expect(findings).toContainEqual(expect.objectContaining({ kind: 'index-missing', id }));
  });

  it('is named where an entry leads nowhere', async () => {
    const folder = await folders.folder();
    const id = `0${'7'.repeat(95)}`;
    const location = '000000ff0000004000000100';
    await changeIndex(folder, 'outbox', (rows) =>
      rows.set(`01${id}`, Buffer.from(`18446744073709550c${location}`, 'hex')),
    );
    const findings = await findingsOf(folder);
    expect(findings).toMatchObject([{ kind: 'index-dangling', id: id.slice(0, 48), path: 'all' }]);
  });

  it('is named where two entries lead to each other’s records', async () => {
    const folder = await folders.folder();
    const [a, b] = (await entriesOf(folder, 'inbox')).map(({ record }) => hexEncode(record.id));
    await changeIndex(folder, 'inbox', (rows) => {
      const [first, second] = [rows.get(`01${a}`)!, rows.get(`01${b}`)!];
      rows.set(`01${a}`, second).set(`01${b}`, first);
    });
    const kinds = (await findingsOf(folder)).map(({ kind, id }) => `${kind} ${id?.slice(0, 48)}`);
    for (const id of [a!, b!]) expect(kinds).toContain(`index-wrong ${id.slice(0, 48)}`);
    for (const id of [a!, b!]) expect(kinds).toContain(`index-dangling ${id.slice(0, 48)}`);
  });

  it('is named where a path lacks a record, by the name of the path only', async () => {
    const folder = await folders.folder();
    const { record } = (await entriesOf(folder, 'encryption'))[0]!;
    const author = hexEncode(record.author);
    await changeIndex(folder, 'encryption', (rows) => rows.delete(`10${author}03`));
    const { code, report } = await verified(folder);
    expect(code).toBe(1);
    expect(Object.keys(report.found)).toEqual(['index-path']);
    expect(report.findings[0]).toMatchObject({ path: 'author', id: hexEncode(record.id) });
    expect(JSON.stringify(report)).not.toContain(author);
  });

  it('is named where a record is held in the log and not in the index', async () => {
    const folder = await folders.folder();
    const { record, held } = (await entriesOf(folder, 'inbox'))[0]!;
    expect(held).toBe(true);
    await changeIndex(folder, 'inbox', (rows) => {
      const value = Uint8Array.from(rows.get(`01${hexEncode(record.id)}`)!);
      value[8]! &= 0x7f;
      rows.set(`01${hexEncode(record.id)}`, value);
    });
    const findings = await findingsOf(folder);
    expect(findings.map(({ kind }) => kind)).toContain('index-wrong');
  });

  it('is named where it counts wrongly', async () => {
    const folder = await folders.folder();
    await changeIndex(folder, 'inbox', (rows) => {
      const state = Uint8Array.from(rows.get('00')!);
      state[5]! += 1;
      rows.set('00', state);
    });
    expect(await findingsOf(folder)).toMatchObject([{ kind: 'index-count', role: 'inbox' }]);
  });

  it('is named where it is gone or not to be trusted', async () => {
    const folder = await folders.folder();
    const copy = await folders.path();
    await cp(folder, copy, { recursive: true });
    await rm(join(folder, 'index'), { recursive: true });
    expect((await findingsOf(folder))[0]).toMatchObject({ kind: 'index-unusable' });
    await writeFile(join(copy, 'index', 'marker.json'), '{"format":2,"state":"damaged","why":"x"}');
    expect((await findingsOf(copy))[0]).toMatchObject({ kind: 'index-unusable' });
    const { stdout } = await runHere(['verify', '--data', copy]);
    expect(stdout).toMatch(/index-unusable .*: reindex/);
  });
});

describe('the command line', () => {
  it.each([
    [['verify', '--data', '/nowhere/at/all'], /--data: \/nowhere\/at\/all .* does not exist/],
    [['verify', '--data', '/tmp'], /is no Mosaic data folder/],
    [['verify', '--role', 'mailbox'], /--role: "mailbox" is no role/],
    [['verify', '--signatures', 'some'], /--signatures/],
    [['verify', '--one-in', '0'], /--one-in/],
    [['frobnicate'], /frobnicate/],
  ])('%j is refused by name', async (args, message) => {
    const { code, stderr } = await runAdmin(args);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });

  it('takes the folder from the setting, whatever else the server’s environment holds', async () => {
    const env = { MOSAIC_DATA_DIR: await folders.folder(), MOSAIC_ROLES: 'outbox' };
    expect((await runAdmin(['verify', '--quiet'], env)).code).toBe(0);
  });

  it('goes on after Ctrl-C where the state says, and only with the same task', async () => {
    const folder = await folders.folder();
    const state = await folders.path();
    const args = ['verify', '--data', folder, '--state', state, '--signatures', 'none'];
    let said = '';
    const host = { ...processHost(), warn: (text: string) => void (said += text) };
    const interrupted = {
      ...host,
      onInterrupt(stop: () => void): () => void {
        stop();
        return () => undefined;
      },
    };
    expect(await run(args, interrupted)).toBe(130);
    expect(said).toContain(state);
    const saved = JSON.parse(await readFile(state, 'utf8')) as { roles: { outbox: unknown } };
    expect(saved.roles.outbox).toMatchObject({ phase: expect.stringMatching(/^(segments|all)$/) });
    const other = await runHere([...args, '--one-in', '7']);
    expect(other.code).toBe(2);
    expect(other.stderr).toContain('--state');
    const { code, stdout } = await runHere([...args, '--json']);
    expect(code).toBe(0);
    const { records } = (JSON.parse(stdout) as Report).roles['outbox']!;
    expect(records).toBe((await entriesOf(folder, 'outbox')).length);
    await expect(stat(state)).rejects.toMatchObject({ code: 'ENOENT' });
  });
});

/** Where the commit begins that holds the entry at an offset. */
async function startOfCommit(path: string, offset: number): Promise<number> {
  const bytes = await readFile(path);
  return bytes.lastIndexOf('Cmit', offset);
}

/** The content of all files but LMDB's lock. */
async function filesOf(folder: string): Promise<Record<string, string>> {
  const files: Record<string, string> = {};
  const paths = ['mosaic.json', 'server.key', 'index/data.mdb', 'index/marker.json'].map((name) =>
    join(folder, name),
  );
  for (const role of ['outbox', 'inbox', 'encryption']) {
    paths.push(...(await segmentsOf(folder, role)));
  }
  for (const path of paths) files[path] = (await readFile(path)).toString('base64');
  return files;
}
