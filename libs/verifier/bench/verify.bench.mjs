/** Records checked per second: exact, fast on one thread, on the pool; OpenSSL as the yardstick. */
import { generateKeyPairSync, sign, verify } from 'node:crypto';
import {
  buildRecord,
  KNOWN_KINDS,
  publicKeyOf,
  recordFaultOf,
  RecordView,
  signPrehash,
  TAG_TYPE,
} from '@mosaic-cluster/protocol';
import {
  createVerifier,
  exactTools,
  fastTools,
  nativeSigningTools,
} from '@mosaic-cluster/verifier';

const signing = await nativeSigningTools();

/** Records of some 600 bytes with two tags, by 50 authors. */
function records(count) {
  const value = new Uint8Array(36).fill(7);
  return Array.from({ length: count }, (_, i) =>
    buildRecord(
      {
        kind: KNOWN_KINDS['microblog-root'],
        timestamp: 1_750_000_000_000_000_000n + BigInt(i),
        secretKey: new Uint8Array(32).fill(1 + (i % 50)),
        tags: [
          { type: TAG_TYPE.notify, value },
          { type: TAG_TYPE.userMention, value },
        ],
        payload: new Uint8Array(304).fill(i),
      },
      signing,
    ),
  );
}

function forged(record) {
  const bytes = record.bytes.slice();
  bytes[record.signedEnd + 33] ^= 1;
  return new RecordView(bytes);
}

/** A case that goes round the items, one per call. */
function each(name, items, one, aim) {
  let at = 0;
  return {
    name,
    ops: 1,
    aim,
    run: () => {
      at = at + 1 === items.length ? 0 : at + 1;
      return one(items[at]);
    },
  };
}

function faulty(tools) {
  return (record) => (recordFaultOf(record, tools) === undefined ? 0 : 1);
}

function openssl(items) {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519');
  const signed = items.map(({ signedData }) => ({
    message: signedData,
    signature: sign(null, signedData, privateKey),
  }));
  return each('OpenSSL: a plain Ed25519 signature', signed, ({ message, signature }) =>
    verify(null, message, publicKey, signature) ? 0 : 1,
  );
}

async function pool(items, workers) {
  const verifier = await createVerifier(workers === undefined ? {} : { workers });
  const run = async () => {
    const verdicts = await verifier.verify(items);
    return verdicts.filter((verdict) => verdict !== undefined).length;
  };
  const threads = verifier.workers === 1 ? '1 thread' : `${verifier.workers} threads`;
  return { verifier, entry: { name: `fast, pool of ${threads}`, ops: items.length, run } };
}

async function prepareValid() {
  const items = records(512);
  const { tools } = await fastTools();
  const one = await pool(items, 1);
  const two = await pool(items, 2);
  return {
    cases: [
      openssl(items),
      each('exact (noble), one thread', items, faulty(exactTools().tools)),
      each('fast, one thread', items, faulty(tools), { ratio: 0.6 }),
      one.entry,
      two.entry,
    ],
    close: () => Promise.all([one.verifier.close(), two.verifier.close()]),
  };
}

async function prepareForged() {
  const items = records(64).map((record) => forged(record));
  const { tools } = await fastTools();
  return {
    cases: [
      openssl(items),
      each('exact (noble)', items, faulty(exactTools().tools)),
      each('fast', items, faulty(tools)),
    ],
  };
}

function prepareSigning() {
  const prehashes = records(32).map((record) => signing.hash(record.signedData));
  const secret = new Uint8Array(32).fill(9);
  return {
    cases: [
      each('noble, sign a prehash', prehashes, (prehash) => signPrehash(prehash, secret)[0]),
      each('native, sign a prehash', prehashes, (prehash) => signing.sign(prehash, secret)[0]),
      each('noble, public key', [secret, secret], (each) => publicKeyOf(each)[0]),
      each('native, public key', [secret, secret], (each) => signing.publicKeyOf(each)[0]),
    ],
  };
}

/** The tables of this file. */
export function tables() {
  return [
    { title: 'Verify valid records of 600 bytes', unit: 'records', prepare: prepareValid },
    { title: 'Refuse forged signatures', unit: 'records', prepare: prepareForged },
    { title: 'Sign', unit: 'operations', prepare: prepareSigning },
  ];
}
