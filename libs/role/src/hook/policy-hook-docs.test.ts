/** The programs that docs/policy-hook.md shows, run as they stand there. */
import { spawnSync } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RESULT, type RecordView } from '@mosaic-cluster/protocol';
import { silentLogger } from '@mosaic-cluster/runtime';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { moment, person, record } from '../../testing/people.ts';
import { ACCEPT_RULES, type HookVerdict, parseAcceptRules } from '../index.ts';
import { hookRequest, readHookAnswer } from './hook-message.ts';
import { openPolicyHook, type PolicyHook } from './policy-hook.ts';

const docs = new URL('../../../../docs/', import.meta.url);
const page = await readFile(new URL('policy-hook.md', docs), 'utf8');

let folder: string;
let hook: PolicyHook | undefined;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'mosaic-hook-docs-'));
});
afterEach(async () => {
  await hook?.close();
  hook = undefined;
  await rm(folder, { recursive: true });
});

function block(language: string): string {
  const text = new RegExp(`\`\`\`${language}\\n(.*?)\`\`\``, 's').exec(page)?.[1];
  if (text === undefined) throw new Error(`the page shows no ${language}`);
  return text;
}

/** @param language of the program on the page */
async function open(language: string, ...program: readonly string[]): Promise<void> {
  const path = join(folder, `policy.${language === 'js' ? 'mjs' : 'py'}`);
  await writeFile(path, block(language));
  hook = await openPolicyHook({
    command: [...program, path],
    fallback: 'busy',
    timeoutMs: 30_000,
    payloadBytesMax: 65_536,
    log: silentLogger,
  });
}

const saying = (n: number, text: string): RecordView =>
  record(person(n), { timestamp: moment(n), payload: Buffer.from(text) });

function ask(role: 'inbox' | 'outbox', ...records: RecordView[]): Promise<HookVerdict[]> {
  const submissions = records.map((each) => ({ record: each, submitter: undefined }));
  return hook!.ask({ role, submissions, receivedAt: moment(0) });
}

it('the one in Node', async () => {
  await open('js', process.execPath);
  const records = [saying(1, 'hello'), saying(2, 'Buy now!'), saying(3, 'x'.repeat(2001))];
  expect(await ask('inbox', ...records)).toEqual(['accept', RESULT.UNAUTHORIZED, 'hold']);
});

it('the one in Python', async (context) => {
  if (spawnSync('python3', ['--version']).status !== 0) context.skip('python3 is not on PATH');
  await open('python', '/usr/bin/env', 'python3');
  const records = [saying(1, 'one'), saying(1, 'two'), saying(2, 'one')];
  expect(await ask('inbox', ...records)).toEqual(['accept', RESULT.TOO_FAST, 'accept']);
  expect(await ask('outbox', ...records)).toEqual(['accept', 'accept', 'accept']);
});

it('question and answer have the fields that are shown', () => {
  const [question = '', answer = ''] = [...page.matchAll(/```json\n(.*?)\n```/gs)].map(
    ([, line]) => line ?? '',
  );
  const submission = { record: saying(1, 'hello'), submitter: undefined };
  const asked = JSON.parse(hookRequest('17', 'inbox', submission, moment(0), 1000)) as object;
  expect(Object.keys(JSON.parse(question) as object)).toEqual(Object.keys(asked));
  expect(readHookAnswer(answer)).toEqual({
    id: '17',
    verdict: RESULT.TOO_LARGE,
    message: 'no pictures today',
  });
});

it('the page on accept rules names every rule, in an example that is well formed', async () => {
  const rules = await readFile(new URL('accept-rules.md', docs), 'utf8');
  const example = /MOSAIC_ACCEPT="(.*?)"/.exec(rules)?.[1] ?? '';
  expect(parseAcceptRules(example).outbox.everybody.quota).toBe(1_073_741_824);
  for (const rule of ACCEPT_RULES) expect(rules).toContain(`| \`${rule}\` |`);
});
