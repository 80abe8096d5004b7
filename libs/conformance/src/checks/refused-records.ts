/** What the checks of record validation share: how a broken record is refused, and an odd one kept. */
import type { RecordView } from '@mosaic-cluster/protocol';
import { type Check, check, ensure, type Rule } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectResult } from '../expect.ts';
import type { Identity } from '../identity.ts';

/** What is wrong, and the bytes. */
export type Wrong = readonly [string, Uint8Array];

/** Expects INVALID for each, and that none of them can be got afterwards. */
export async function expectInvalid(t: CheckContext, wrongs: readonly Wrong[]): Promise<void> {
  const conversation = await t.connect();
  for (const [what, bytes] of wrongs) {
    expectResult(await conversation.submit(bytes), 'INVALID', what);
  }
  const ids = wrongs
    .map(([, bytes]) => bytes.slice(0, 48))
    .filter((id) => id.length === 48 && id[0]! < 0x80);
  if (ids.length === 0) return;
  const { result } = await conversation.get(...ids);
  expectResult(result, 'NOT_FOUND', 'getting what was refused');
}

/** Expects ACCEPTED, and the same bytes back. */
export async function expectAccepted(
  t: CheckContext,
  what: string,
  bytes: Uint8Array,
): Promise<void> {
  const conversation = await t.connect();
  expectResult(await conversation.submit(bytes), 'ACCEPTED', what);
  const { records } = await conversation.get(bytes.subarray(0, 48));
  const isSame = Buffer.compare(records[0]?.bytes ?? Buffer.alloc(0), bytes) === 0;
  ensure(isSame, `${what}: other bytes came back`);
}

/** A check that some ways of breaking a record are INVALID. */
export function refuses(
  name: string,
  rule: Rule,
  title: string,
  wrongs: (t: CheckContext, author: Identity) => readonly Wrong[],
): Check {
  return check(`submission/${name}`, rule, title, async (t) => {
    await expectInvalid(t, wrongs(t, t.user()));
  });
}

/** 25 bytes: the padding that they need is part of what is checked. */
export const PAYLOAD: Uint8Array = new TextEncoder().encode('A payload of 25 bytes, ok');

/** A valid record with a tag and a payload. */
export function sample(t: CheckContext, author: Identity): RecordView {
  return t.record(author, { payload: PAYLOAD, tags: [{ type: 0x6301, value: PAYLOAD }] });
}
