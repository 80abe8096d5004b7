/** Addresses must survive the way from an operator's file into a socket and back into a log. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';

import { formatHostPort, parseHostPort } from './host-port.ts';

describe('host and port', () => {
  it('reads back every address it writes', () => {
    const host = fc.oneof(fc.ipV4(), fc.ipV6(), fc.domain());
    fc.assert(
      fc.property(host, fc.integer({ min: 0, max: 65_535 }), (host, port) => {
        expect(parseHostPort(formatHostPort({ host, port }))).toEqual({ host, port });
      }),
    );
  });

  it.each([
    ['127.0.0.1:443', '127.0.0.1', 443],
    ['[::1]:443', '::1', 443],
    ['localhost:0', 'localhost', 0],
    ['nats_1.svc.cluster.local:4222', 'nats_1.svc.cluster.local', 4222],
  ])('reads %s', (text, host, port) => {
    expect(parseHostPort(text)).toEqual({ host, port });
  });

  it.each([
    '',
    '443',
    'localhost',
    ':443',
    'localhost:',
    'localhost:65536',
    'localhost:-1',
    '::1:443',
    '[::1]',
    '[127.0.0.1]:443',
    '[::zz]:443',
    '256.0.0.1:443',
    '10.0.0:443',
    'a b:443',
    '-a:443',
    'http://a:443',
    'user@host:443',
  ])('refuses %j', (text) => {
    expect(parseHostPort(text)).toBeUndefined();
  });
});
