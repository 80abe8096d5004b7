/** The listener for client certificates, as the contract has it, and whom it takes clients for. */
import {
  generateKeyPairSync,
  type KeyObject,
  randomBytes,
  sign,
  X509Certificate,
} from 'node:crypto';
import { once } from 'node:events';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import {
  ED25519_OID,
  encodeCertificate,
  makeTlsIdentity,
  selfSignedKey,
  type TlsIdentity,
} from '@mosaic-cluster/certificate';
import { connectClient } from './contract-client.ts';
import {
  type ContractServer,
  type ListenerFixture,
  openContractServer,
} from './contract-server.ts';
import { describeListener, SERVER_SEED } from './listener-contract.ts';
import { openMtlsListener } from './listener-mtls.ts';

const fixture: ListenerFixture = {
  name: 'client certificates',
  tls: true,
  open: openMtlsListener,
  idleTimeoutMs: 400,
  refusesByHead: true,
  http10: true,
  readsProxy: true,
  seesUnfinished: true,
};

describeListener(fixture);

const ECDSA_SHA256 = '1.2.840.10045.4.3.2';
const RSA_SHA256 = '1.2.840.113549.1.1.11';
/** The certificate is valid from here to the last moment that X.509 can express. */
const ALWAYS = { notBefore: new Date('2024-01-01'), notAfter: new Date('9999-12-31T23:59:59Z') };

interface KeyPair {
  readonly publicKey: KeyObject;
  readonly privateKey: KeyObject;
}

/** A certificate of `owner`, signed by `signer`. */
function certify(
  owner: KeyPair,
  algorithm: string,
  signer: KeyPair = owner,
  days: { notBefore: Date; notAfter: Date } = ALWAYS,
): TlsIdentity {
  const certificate = encodeCertificate({
    serial: randomBytes(8),
    ...days,
    publicKey: owner.publicKey.export({ format: 'der', type: 'spki' }),
    algorithm,
    sign: (bytes) => sign(algorithm === ED25519_OID ? null : 'sha256', bytes, signer.privateKey),
  });
  return {
    certificate: new X509Certificate(certificate).toString(),
    key: owner.privateKey.export({ format: 'pem', type: 'pkcs8' }) as string,
  };
}

function rawKey({ publicKey }: KeyPair): Buffer {
  return publicKey.export({ format: 'der', type: 'spki' }).subarray(-32);
}

describe('client certificates', () => {
  const keys = generateKeyPairSync('ed25519');
  const failed: string[] = [];
  let server: ContractServer;

  beforeAll(async () => {
    server = await openContractServer(fixture, makeTlsIdentity(SERVER_SEED), {
      handshakeFailed: (address) => void failed.push(address),
    });
  });
  afterAll(async () => server.listener.close());

  const arrive = async (identity: TlsIdentity, version?: 'TLSv1.2'): Promise<Buffer> => {
    const { certificate, key } = identity;
    const before = server.accepted.length;
    await connectClient(server.listener, {
      cert: certificate,
      key,
      ...(version && { maxVersion: version }),
    });
    expect(server.accepted).toHaveLength(before + 1);
    return Buffer.from(server.accepted.at(-1)?.socket.clientKey ?? []);
  };

  it.each(['TLSv1.2', undefined] as const)('name the client (%s)', async (version) => {
    const identity = makeTlsIdentity(randomBytes(32));
    const key = selfSignedKey(Buffer.from(identity.certificate));
    expect(await arrive(identity, version)).toEqual(Buffer.from(key));
  });

  it('may be outdated or not valid yet', async () => {
    const outdated = { notBefore: new Date('2001-01-01'), notAfter: new Date('2002-01-01') };
    expect(await arrive(certify(keys, ED25519_OID, keys, outdated))).toEqual(rawKey(keys));
    const early = { notBefore: new Date('2048-01-01'), notAfter: new Date('2049-01-01') };
    expect(await arrive(certify(keys, ED25519_OID, keys, early))).toEqual(rawKey(keys));
  });

  it.each([
    ['ECDSA', certify(generateKeyPairSync('ec', { namedCurve: 'P-256' }), ECDSA_SHA256)],
    ['RSA', certify(generateKeyPairSync('rsa', { modulusLength: 2048 }), RSA_SHA256)],
    ['signed by another key', certify(keys, ED25519_OID, generateKeyPairSync('ed25519'))],
  ])('are refused: %s', async (_what, identity) => {
    for (const version of ['TLSv1.2', undefined] as const) {
      const [accepted, refused] = [server.accepted.length, server.events.length];
      failed.length = 0;
      await expect(arrive(identity, version)).rejects.toThrow();
      expect(server.accepted).toHaveLength(accepted);
      expect(server.events.slice(refused)).toEqual(['refused-certificate']);
      expect(failed).toEqual(['127.0.0.1']);
    }
  });

  it.each(['TLSv1.2', 'TLSv1.3'] as const)('hold in a resumed %s session', async (version) => {
    const { certificate, key } = certify(keys, ED25519_OID);
    const target = { host: '127.0.0.1', port: server.listener.port, rejectUnauthorized: false };
    const first = connectTls({ ...target, cert: certificate, key, maxVersion: version });
    const [session] = (await once(first, 'session')) as [Buffer];
    first.destroy();

    let resumed: TLSSocket | undefined;
    await connectClient(server.listener, {
      createConnection: () => {
        resumed = connectTls({ ...target, session, maxVersion: version });
        return resumed;
      },
    });
    expect(resumed?.isSessionReused()).toBe(true);
    expect(server.accepted.at(-1)?.socket.clientKey).toEqual(new Uint8Array(rawKey(keys)));
  });
});

it('wants a certificate of its own', async () => {
  const opening = openMtlsListener({
    host: '127.0.0.1',
    port: 0,
    page: '',
    accept(): never {
      throw new Error('nobody connects here');
    },
  });
  await expect(opening).rejects.toMatchObject({ kind: 'invalid', code: 'listener-tls' });
});
