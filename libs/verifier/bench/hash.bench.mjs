/** H64 at the size of an ordinary record and of the largest. */
import { createHash } from 'node:crypto';
import { h64 } from '@mosaic-cluster/protocol';
import { createFastHash } from '@mosaic-cluster/verifier';

function prepare(length) {
  return async () => {
    const message = Uint8Array.from({ length }, (_, i) => (i * 31) & 0xff);
    const fast = await createFastHash();
    return {
      cases: [
        { name: 'noble (plain JavaScript)', ops: 1, run: () => h64(message)[0] },
        { name: 'hash-wasm (WebAssembly)', ops: 1, run: () => fast(message)[0] },
        {
          name: 'yardstick: OpenSSL SHA-512',
          ops: 1,
          run: () => createHash('sha512').update(message).digest()[0],
        },
      ],
    };
  };
}

/** The tables of this file. */
export function tables() {
  return [
    { title: 'H64 of 450 bytes', unit: 'hashes', prepare: prepare(450) },
    { title: 'H64 of 1 MiB', unit: 'hashes', prepare: prepare(1024 * 1024) },
  ];
}
