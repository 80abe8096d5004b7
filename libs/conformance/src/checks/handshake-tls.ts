/** Checks of TLS: the server's key, the versions, and who a client is by its certificate. */
import type { ConnectionOptions } from 'node:tls';
import { type Check, check, CheckFailure, ensure, fail, skip, spec } from '../check.ts';
import type { CheckContext } from '../check-context.ts';
import { expectResult } from '../expect.ts';
import type { Identity } from '../identity.ts';
import {
  ecdsaCertificate,
  expiredCertificate,
  foreignSignedCertificate,
  rsaCertificate,
} from '../wire/foreign-certificate.ts';
import { speaksOldTls } from '../wire/old-tls.ts';
import { openTcp, openTls } from '../wire/socket.ts';

const TLS = spec('WebSockets: TLS');

async function versionWith(t: CheckContext, tls: ConnectionOptions): Promise<string | null> {
  const target = t.needsTls();
  const socket = await openTls(target, { timeoutMs: t.timeoutMs, tls });
  const version = socket.getProtocol();
  socket.destroy();
  return version;
}

const versions: readonly Check[] = [
  check('handshake/server-key', TLS, "the certificate shows the server's key", async (t) => {
    const target = t.needsTls();
    if (target.serverKey === undefined) skip('no --server-key given');
    // Opening the socket compares the key.
    await versionWith(t, {});
  }),
  check('handshake/certificate-subject', TLS, 'the subject is CN=mosaic', async (t) => {
    const target = t.needsTls();
    if (target.serverKey === undefined) skip('no --server-key given');
    // Without the key check: Node gives the subject to the first who asks for the certificate.
    const anyKey = { ...target, serverKey: undefined };
    const tls = { rejectUnauthorized: false };
    const socket = await openTls(anyKey, { timeoutMs: t.timeoutMs, tls });
    const subject = socket.getPeerX509Certificate()?.subject;
    socket.destroy();
    ensure(subject === 'CN=mosaic', `the subject is ${subject ?? 'missing'}`);
  }),
  ...(['TLSv1.2', 'TLSv1.3'] as const).map((version) =>
    check(`handshake/${version.toLowerCase()}`, TLS, `${version} is spoken`, async (t) => {
      const spoken = await versionWith(t, { minVersion: version, maxVersion: version });
      ensure(spoken === version, `${spoken ?? 'nothing'} was agreed on`);
    }),
  ),
  check('handshake/tlsv1.3-preferred', TLS, 'TLS 1.3 is picked where both can', async (t) => {
    const spoken = await versionWith(t, { minVersion: 'TLSv1.2', maxVersion: 'TLSv1.3' });
    ensure(spoken === 'TLSv1.3', `${spoken ?? 'nothing'} was agreed on`);
  }),
  ...(['TLSv1', 'TLSv1.1'] as const).map((version) =>
    check(`handshake/${version.toLowerCase()}-refused`, TLS, `${version} is refused`, async (t) => {
      const tcp = await openTcp(t.needsTls(), t.timeoutMs);
      const isSpoken = await speaksOldTls(tcp, version, t.timeoutMs);
      ensure(!isSpoken, 'the server goes on with the handshake');
    }),
  ),
];

/** Connects with a certificate, and sees as whom the server takes the client. */
async function expectIdentity(
  t: CheckContext,
  as: Identity,
  tls: ConnectionOptions,
): Promise<void> {
  t.needsCertificates();
  const conversation = await t.connect(undefined, { tls });
  const result = await conversation.submit(t.record(as, { fromAuthor: true }));
  expectResult(
    result,
    'ACCEPTED',
    "a record that only its author may submit, on its author's connection",
  );
}

async function expectRefused(t: CheckContext, tls: ConnectionOptions): Promise<void> {
  t.needsCertificates();
  let conversation;
  try {
    conversation = await t.connect(undefined, { tls });
  } catch (error) {
    if (error instanceof CheckFailure) return;
    throw error;
  }
  await conversation.sentinel();
  fail('the connection was accepted');
}

const identity: readonly Check[] = [
  check(
    'handshake/certificate-requested',
    TLS,
    'a client certificate is asked for, Ed25519 among the algorithms',
    async (t) => {
      t.needsTls();
      if (t.server.asksForCertificate === undefined)
        skip('seen in TLS 1.2 only, which is not spoken');
      if (!t.server.asksForCertificate) skip('this URL asks for no Ed25519 client certificate');
    },
  ),
  ...(['TLSv1.2', 'TLSv1.3'] as const).map((version) =>
    check(
      `handshake/client-certificate-${version.toLowerCase()}`,
      TLS,
      `a self-signed Ed25519 certificate says who the client is (${version})`,
      async (t) => {
        t.needsCertificates();
        const user = t.user();
        const conversation = await t.connect(user, {
          tls: { minVersion: version, maxVersion: version },
        });
        const result = await conversation.submit(t.record(user, { fromAuthor: true }));
        expectResult(result, 'ACCEPTED', "an author's own FROM_AUTHOR record");
      },
    ),
  ),
  check(
    'handshake/client-certificate-none',
    TLS,
    'without a client certificate the connection is anonymous',
    async (t) => {
      const conversation = await t.connect();
      const result = await conversation.submit(t.record(t.user(), { fromAuthor: true }));
      expectResult(result, 'REQUIRES_AUTHENTICATION', 'a FROM_AUTHOR record');
    },
  ),
  check(
    'handshake/client-certificate-expired',
    TLS,
    'dates in a client certificate carry no meaning',
    async (t) => {
      const user = t.user();
      await expectIdentity(t, user, expiredCertificate(user.secretKey));
    },
  ),
  check('handshake/client-certificate-rsa', TLS, 'an RSA certificate is refused', async (t) => {
    await expectRefused(t, rsaCertificate());
  }),
  check('handshake/client-certificate-ecdsa', TLS, 'an ECDSA certificate is refused', async (t) => {
    await expectRefused(t, ecdsaCertificate());
  }),
  check(
    'handshake/client-certificate-foreign',
    TLS,
    'an Ed25519 certificate signed by another key is refused',
    async (t) => {
      await expectRefused(t, foreignSignedCertificate(t.stranger().secretKey));
    },
  ),
];

/** Checks of TLS. */
export const tlsChecks: readonly Check[] = [...versions, ...identity];
