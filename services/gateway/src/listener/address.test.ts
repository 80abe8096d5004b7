/** What the URL of a listener looks like. */
import { expect, it } from 'vitest';
import { listenerUrl } from './address.ts';

it('puts IPv6 addresses into brackets in URLs', () => {
  expect(listenerUrl(true, '::1', 443)).toBe('wss://[::1]:443/');
  expect(listenerUrl(false, '127.0.0.1', 80)).toBe('ws://127.0.0.1:80/');
});
