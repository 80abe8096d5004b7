/** Cases of `signatures`: is this the key's signature over the message? */
import { h64 } from '../hash.ts';
import { publicKeyOf } from '../key.ts';
import { signMessage, verifyMessage, verifyPrehash } from '../signature.ts';
import type { CaseFields } from './case-fields.ts';
import { expectBytes, expectSame } from './expect.ts';

/** Runs one case of the set `signatures`. */
export function runSignatureCase(fields: CaseFields): void {
  const message = fields.hex('message');
  const prehash = fields.hex('prehash');
  const key = fields.hex('public');
  const signature = fields.hex('signature');
  const isAccepted = fields.accepts();
  expectBytes('prehash', h64(message), prehash);
  expectSame('verdict over the message', verifyMessage(signature, message, key), isAccepted);
  expectSame('verdict over the prehash', verifyPrehash(signature, prehash, key), isAccepted);
  if (!fields.has('seed')) return;
  const seed = fields.hex('seed');
  expectBytes('public key', publicKeyOf(seed), key);
  if (isAccepted) expectBytes('signature', signMessage(message, seed), signature);
}
