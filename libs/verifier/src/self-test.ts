/**
 * Known answers that the native check must give before it is trusted: a binary for the wrong
 * processor, or a libsodium with other rules, is found at start and not by refusing people's
 * records.
 */
import { hexDecode, MosaicError } from '@mosaic-cluster/protocol';
import type { NativeSignatureCheck } from './native-signature.ts';

/** An ordinary signature. */
const PLAIN = {
  key: hexDecode('1d24c91e0a5680b19a84a29d64873c8263f0a8bbbbf650063b012d4db7eb3537'),
  prehash: hexDecode(
    'af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b7cc9a93cae41f3262' +
      'e00f03e7b69af26b7faaf09fcd333050338ddfe085b8cc869ca98b206c08243a',
  ),
  signature: hexDecode(
    '9658b113a5860b90937d9c2f2be081a208fda4cd1ce078e54fb8b6f3795ae42f' +
      '344d2d9db368c2819645e4c1bedb4f9e1dcb1910d7e49e63b69268103b168b09',
  ),
};

/** R carries a point of order 8: only the cofactored equation holds. */
const COFACTORED = {
  key: hexDecode('ba4e56d7eedeb8303ec120c78f67c13870d063168aeeefb0b04042b3ad201b66'),
  prehash: hexDecode(
    '4b1c22359016fc300fe69c942f299702975690bd1cb31ec4bd3a13ab8c1b0674' +
      '9fa483e22201b7f2519e7487d52f59d87c0f98ff851301b24d1a6799e333a7a1',
  ),
  signature: hexDecode(
    'bdeb51452bff58019dbb0694186c7a0c92f6b9936eb728a67c3e5f819396fc29' +
      'deda1b7aa5af933ea90a5773059b0ebafeaf904249988bce16c5073dc5045409',
  ),
};

/** A key of order 8·L, which libsodium's multiplication must leave to the exact check. */
const MIXED_ORDER_KEY: Uint8Array = hexDecode(
  '0a0efc5404cf821da8fc1d2bd637b374da218d56b9c4b40db6bd293aa8790b95',
);

/** Valid signatures after which a key is familiar, whatever came before; see `familiar-keys.ts`. */
const FAMILIAR_TIMES = 17;

/** @throws MosaicError `unavailable` with code `native-module` where an answer is wrong */
export function testNativeSignature(check: NativeSignatureCheck): void {
  const { key, prehash, signature } = PLAIN;
  expect(check.answer(signature, prehash, key) === 'valid', 'refuses a valid signature');
  refusesAltered(check);
  const cofactored = check.answer(COFACTORED.signature, COFACTORED.prehash, COFACTORED.key);
  expect(cofactored === 'valid', 'refuses a signature whose R has mixed order');
  const mixed = check.answer(signature, prehash, MIXED_ORDER_KEY);
  expect(mixed !== 'valid', "accepts a signature under another's key");
  refusesAltered(check, FAMILIAR_TIMES);
}

/** @param before so often the key is met before each altered signature */
function refusesAltered(check: NativeSignatureCheck, before = 0): void {
  const { key, prehash, signature } = PLAIN;
  const meet = (): void => {
    for (let i = 0; i < before; i++) {
      const answer = check.answer(signature, prehash, key);
      expect(answer === 'valid', 'refuses a valid signature by a familiar key');
    }
  };
  for (const [at, what] of [
    [0, 'R'],
    [33, 'S'],
  ] as const) {
    meet();
    const altered = signature.slice();
    altered[at]! ^= 1;
    const answer = check.answer(altered, prehash, key);
    expect(answer === 'invalid', `accepts a signature with another ${what}`);
  }
  meet();
  const otherPrehash = prehash.slice();
  otherPrehash[63]! ^= 1;
  const other = check.answer(signature, otherPrehash, key);
  expect(other === 'invalid', 'accepts a signature over another message');
}

function expect(holds: boolean, fault: string): void {
  if (holds) return;
  throw new MosaicError('unavailable', 'native-module', `the native signature check ${fault}`);
}
