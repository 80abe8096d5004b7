/** Who has just published a key schedule has no better budgets by it. */
import { testControl } from '@mosaic-cluster/abuse/testing';
import { timestampFromMillis } from '@mosaic-cluster/protocol';
import { fakeKey, fakeRecord, KIND } from '@mosaic-cluster/protocol/testing';
import { expect, test } from 'vitest';
import { KNOWN_AFTER_MS, quiet, type TestClient, TestGateway } from '../../testing/test-gateway.ts';

const [MASTER, SUBKEY, OTHER] = [fakeKey(2), fakeKey(3), fakeKey(4)];
const BUDGETS = 'messages.key.authenticated=1/h:3, messages.key.attested=1/h:6';

/** How many requests a client has answered before it is over its budget; the first are free of doubt. */
async function answered(client: TestClient): Promise<number> {
  client.get(0);
  await quiet();
  for (let id = 1; id < 10; id++) client.get(id);
  return (await client.story()).filter((line) => line.endsWith('NOT_FOUND')).length;
}

test('a key is attested by a master of whom there was a public record some time ago', async () => {
  const { control } = testControl(BUDGETS, () => gateway.clock.now());
  const gateway = new TestGateway({}, undefined, undefined, control);
  gateway.outbox.masters = () => [MASTER];
  const receivedAt = timestampFromMillis(gateway.clock.now());
  // Dated back, and private, and somebody else's: nothing of that is a past.
  gateway.outbox.store(fakeRecord({ author: MASTER, timestamp: 1 }), { receivedAt });
  const old = { receivedAt: timestampFromMillis(1) };
  gateway.encryption.store(
    fakeRecord({ author: MASTER, timestamp: 2, kind: KIND.authorOnly }),
    old,
  );
  gateway.outbox.store(fakeRecord({ author: OTHER, timestamp: 3 }), old);
  expect(await answered(gateway.connect(SUBKEY))).toBe(3);
  gateway.clock.advance(KNOWN_AFTER_MS - 1);
  expect(await answered(gateway.connect(fakeKey(5)))).toBe(3);
  gateway.clock.advance(1);
  // What was paid before is known to be an attested key's only afterwards: one of another purse.
  expect(await answered(gateway.connect(fakeKey(6)))).toBe(1 + 6);
});
