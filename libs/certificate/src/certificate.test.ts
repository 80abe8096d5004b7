/** Certificates say the key they were made from, and only acceptable ones are read. */
import { generateKeyPairSync, sign, X509Certificate } from 'node:crypto';
import * as fc from 'fast-check';
import { publicKeyOf } from '@mosaic-cluster/protocol';
import { describe, expect, it } from 'vitest';
import { makeTlsIdentity, selfSignedKey } from './certificate.ts';
import { ED25519_OID, encodeCertificate } from './x509.ts';

const DAYS = { notBefore: new Date('2024-01-01'), notAfter: new Date('2044-01-01') };
const SPKI_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

describe('makeTlsIdentity', () => {
  it('makes the certificate of the key that a secret stands for', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), (seed) => {
        const identity = makeTlsIdentity(seed);
        expect(selfSignedKey(Buffer.from(identity.certificate))).toEqual(
          new Uint8Array(publicKeyOf(seed)),
        );
        const certificate = new X509Certificate(identity.certificate);
        expect(selfSignedKey(certificate.raw)).toEqual(selfSignedKey(certificate));
        expect(certificate.serialNumber).toMatch(/^[4-7][0-9A-F]{31}$/);
      }),
      { numRuns: 50 },
    );
  });

  it('makes the same one every time, with the subject mosaic', () => {
    const seed = new Uint8Array(32).fill(3);
    const { certificate } = makeTlsIdentity(seed);
    expect(makeTlsIdentity(seed).certificate).toBe(certificate);
    const parsed = new X509Certificate(certificate);
    expect([parsed.subject, parsed.issuer, parsed.ca]).toEqual(['CN=mosaic', 'CN=mosaic', false]);
    expect(parsed.validTo).toBe('Dec 31 23:59:59 9999 GMT');
  });

  it('refuses a secret of another length', () => {
    expect(() => makeTlsIdentity(new Uint8Array(64))).toThrow(
      expect.objectContaining({ kind: 'invalid', code: 'secret-key' }),
    );
  });
});

describe('selfSignedKey', () => {
  const refusal = expect.objectContaining({ kind: 'unauthorized', code: 'certificate' });

  it('refuses a key of small order, although its signature verifies', () => {
    const identity = Buffer.alloc(32);
    identity[0] = 1;
    const certificate = encodeCertificate({
      serial: Buffer.of(1),
      ...DAYS,
      publicKey: Buffer.concat([SPKI_PREFIX, identity]),
      algorithm: ED25519_OID,
      // R is the neutral element, S is 0: under the neutral element that signs everything.
      sign: () => Buffer.concat([identity, Buffer.alloc(32)]),
    });
    const parsed = new X509Certificate(certificate);
    expect(parsed.verify(parsed.publicKey)).toBe(true);
    expect(() => selfSignedKey(parsed)).toThrow(refusal);
  });

  it('refuses a certificate of which one byte was changed', () => {
    const { raw } = new X509Certificate(makeTlsIdentity(new Uint8Array(32).fill(3)).certificate);
    for (let at = 0; at < raw.length; at++) {
      const changed = Buffer.from(raw);
      changed[at] = (changed[at] ?? 0) ^ 1;
      expect(() => selfSignedKey(changed), `byte ${at}`).toThrow(refusal);
    }
  });

  it('refuses another kind of key, and bytes that are no certificate', () => {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const certificate = encodeCertificate({
      serial: Buffer.of(1),
      ...DAYS,
      publicKey: publicKey.export({ format: 'der', type: 'spki' }),
      algorithm: '1.2.840.10045.4.3.2',
      sign: (bytes) => sign('sha256', bytes, privateKey),
    });
    expect(() => selfSignedKey(certificate)).toThrow(refusal);
    expect(() => selfSignedKey(Buffer.from('no certificate'))).toThrow(refusal);
  });
});
