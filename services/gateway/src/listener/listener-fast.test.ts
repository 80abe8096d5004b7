/** A server starts with and without the native module. */
import { afterEach, expect, it } from 'vitest';
import { connectClient } from './contract-client.ts';
import { eventually } from './contract-server.ts';
import type { Listener, ListenerOptions } from './listener.ts';
import { openFastListener } from './listener-fast.ts';

const options: ListenerOptions = {
  host: '127.0.0.1',
  port: 0,
  page: '',
  accept: (socket) => ({
    message: (bytes) => void socket.send(bytes),
    text() {},
    tooLarge() {},
    crowdedOut() {},
    drained() {},
    closed() {},
  }),
};

let listener: Listener | undefined;
afterEach(async () => listener?.close());

async function echoes(): Promise<void> {
  if (listener === undefined) throw new Error('no listener');
  const client = await connectClient(listener);
  client.websocket.send(Buffer.of(1, 2, 3));
  await eventually(() => client.messages).toEqual([Buffer.of(1, 2, 3)]);
}

it('uses uWebSockets.js without a word where it loads', async () => {
  const warnings: string[] = [];
  listener = await openFastListener(options, (sentence) => warnings.push(sentence));
  await echoes();
  expect(warnings).toEqual([]);
});

it('uses ws and says why where it does not', async () => {
  const warnings: string[] = [];
  listener = await openFastListener(
    options,
    (sentence) => warnings.push(sentence),
    async () => {
      throw new Error('only Node.js 16, 18 and 20 is supported\n\ndlopen failed');
    },
  );
  await echoes();
  expect(warnings).toEqual([expect.stringContaining('(only Node.js 16, 18 and 20 is supported)')]);
});
