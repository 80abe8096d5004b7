/** Checks of a record's lengths: one broken at a time, everything else as it should be. */
import { pad8, RECORD_AT, type RecordView, writeU16, writeU32 } from '@mosaic-cluster/protocol';
import { type Check, check, reading, spec } from '../check.ts';
import { forged, withBytes } from '../forge.ts';
import { expectAccepted, PAYLOAD, refuses, sample, type Wrong } from './refused-records.ts';

const VALIDATION = spec('Record: Validation');

function withLengths(
  record: RecordView,
  { tags, payload, signature }: { tags?: number; payload?: number; signature?: number },
): Uint8Array {
  return withBytes(record, (bytes) => {
    writeU16(bytes, RECORD_AT.tagsLength, tags ?? record.tagsLength);
    writeU16(bytes, RECORD_AT.signatureLength, signature ?? 64);
    writeU32(bytes, RECORD_AT.payloadLength, payload ?? record.payloadLength);
  });
}

function resized(bytes: Uint8Array, length: number): Uint8Array {
  const copy = new Uint8Array(length);
  copy.set(bytes.subarray(0, length));
  return copy;
}

const lengths: readonly Check[] = [
  refuses('length-short', VALIDATION, 'a record of less than 152 bytes is INVALID', (t, author) =>
    [32, 48, 151].map(
      (length): Wrong => [`${length} bytes`, sample(t, author).bytes.slice(0, length)],
    ),
  ),
  refuses(
    'length-mismatch',
    VALIDATION,
    'a record longer or shorter than its parts is INVALID',
    (t, author) =>
      [-64, -8, -1, 1, 7, 8, 64].map((more): Wrong => {
        const { bytes } = sample(t, author);
        return [`${more} bytes`, resized(bytes, bytes.length + more)];
      }),
  ),
  refuses(
    'length-tags',
    VALIDATION,
    'a tag length that does not fit is INVALID',
    (t, author): Wrong[] => {
      const lengthsOf = (record: RecordView): number[] => [
        0,
        record.tagsLength - 8,
        record.tagsLength + 8,
        0xffff,
      ];
      return lengthsOf(sample(t, author)).map((tags) => [
        `LenT ${tags}`,
        withLengths(sample(t, author), { tags }),
      ]);
    },
  ),
  refuses(
    'length-payload',
    VALIDATION,
    'a payload length that does not fit is INVALID, however it is reckoned',
    (t, author) =>
      [0, 17, 33, 0x7fff_ffff, 0x8000_0000, 0xffff_fff8, 0xffff_fff9, 0xffff_ffff].map(
        (payload): Wrong => [`LenP ${payload}`, withLengths(sample(t, author), { payload })],
      ),
  ),
  refuses(
    'length-payload-wrapping',
    VALIDATION,
    'a payload length that wraps around 32 bits to the right size is INVALID',
    (t, author): Wrong[] => {
      const none = t.record(author, { payload: new Uint8Array(0) });
      return [
        ['LenP 0xffffffff', withLengths(none, { payload: 0xffff_ffff })],
        ['LenP 0xfffffff9', withLengths(none, { payload: 0xffff_fff9 })],
      ];
    },
  ),
  refuses(
    'length-signature',
    VALIDATION,
    'a signature of another length than 64 is INVALID',
    (t, author) =>
      [0, 56, 57, 63, 65, 72, 128].flatMap((signature): Wrong[] => {
        const record = sample(t, author);
        const bytes = withLengths(record, { signature });
        return [
          [`LenS ${signature}`, bytes],
          [
            `LenS ${signature}, with as many bytes`,
            resized(bytes, record.signedEnd + pad8(signature)),
          ],
        ];
      }),
  ),
  check(
    'submission/length-payload-padding',
    VALIDATION,
    'lengths without padding may be any that fit the padded ones',
    async (t) => {
      const author = t.user();
      const change = (bytes: Uint8Array): void => writeU32(bytes, RECORD_AT.payloadLength, 26);
      await expectAccepted(
        t,
        'a payload of 26 bytes',
        forged(sample(t, author), author.secretKey, change),
      );
    },
  ),
  check(
    'submission/padding-not-zero',
    reading('Record: Layout'),
    'padding that is not zero is accepted and kept',
    async (t) => {
      const author = t.user();
      const record = t.record(author, { payload: PAYLOAD });
      const bytes = forged(record, author.secretKey, (bytes) => {
        bytes[record.signedEnd - 1] = 0xff;
      });
      await expectAccepted(t, 'a record with 0xff as padding', bytes);
    },
  ),
];

/** Checks of lengths. */
export const lengthChecks: readonly Check[] = lengths;
