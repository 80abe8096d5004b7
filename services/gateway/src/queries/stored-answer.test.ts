/** How long an answer is said to take: what the server does, not how slowly somebody reads. */
import { expect, test } from 'vitest';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { quiet, TestGateway } from '../../testing/test-gateway.ts';

const BY_AUTHOR = [{ name: 'authors', keys: [fakeKey(1)] }] as const;

test('the time in which a client does not read does not count, that of a role does', async () => {
  const gateway = new TestGateway();
  for (let timestamp = 0; timestamp < 20; timestamp++) {
    gateway.outbox.store(fakeRecord({ timestamp, payloadBytes: 50_000 }));
  }
  let open = (): void => {};
  gateway.inbox.gate = () =>
    new Promise((resolve) => {
      open = resolve;
    });
  const client = gateway.connect();
  client.socket.isReading = false;
  client.query(7, BY_AUTHOR);
  await quiet();
  gateway.clock.advance(2_000);
  open();
  await quiet();
  gateway.clock.advance(60_000);
  expect(gateway.answered).toEqual([]);
  client.socket.isReading = true;
  client.socket.read();
  expect(await client.story()).toHaveLength(21);
  expect(gateway.answered).toEqual(['query 2']);
});
