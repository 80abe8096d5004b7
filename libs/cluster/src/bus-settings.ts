/** How a process is told where NATS is and who it is there. */
import type { NatsConnectOptions, NatsTls } from '@mosaic-cluster/bus/nats';
import type { ConfigOf } from '@mosaic-cluster/runtime';
import { faultsOf, pairFault, pemFault } from './pem.ts';

/** Settings of the bus. */
export const busSettings = {
  natsUrls: {
    name: 'MOSAIC_NATS_URLS',
    type: 'list',
    of: { type: 'url', protocols: ['nats', 'tls'] },
    countMin: 1,
    countMax: 32,
    default: 'nats://127.0.0.1:4222',
    doc: 'NATS servers; one that answers is enough, it names the others. With tls:// the connection must be encrypted.',
  },
  natsCreds: {
    name: 'MOSAIC_NATS_CREDS',
    type: 'secret',
    optional: true,
    doc: 'A NATS credentials file (JWT and nkey).',
  },
  natsNkey: {
    name: 'MOSAIC_NATS_NKEY',
    type: 'secret',
    optional: true,
    doc: 'The seed of a NATS user nkey, SU….',
  },
  natsUser: {
    name: 'MOSAIC_NATS_USER',
    type: 'string',
    optional: true,
    doc: 'The NATS user, where there is a password.',
  },
  natsPassword: {
    name: 'MOSAIC_NATS_PASSWORD',
    type: 'secret',
    optional: true,
    doc: 'Its password.',
  },
  natsToken: {
    name: 'MOSAIC_NATS_TOKEN',
    type: 'secret',
    optional: true,
    doc: 'A NATS token.',
  },
  natsTlsCa: {
    name: 'MOSAIC_NATS_TLS_CA',
    type: 'string',
    lengthMax: 1_000_000,
    fromFile: true,
    optional: true,
    doc: 'Who signed the certificate of the NATS servers (PEM). By default those whom the system trusts.',
  },
  natsTlsCert: {
    name: 'MOSAIC_NATS_TLS_CERT',
    type: 'string',
    lengthMax: 1_000_000,
    fromFile: true,
    optional: true,
    doc: 'A client certificate for NATS (PEM).',
  },
  natsTlsKey: {
    name: 'MOSAIC_NATS_TLS_KEY',
    type: 'secret',
    optional: true,
    doc: 'Its key (PEM).',
  },
  natsNamespace: {
    name: 'MOSAIC_NATS_NAMESPACE',
    type: 'string',
    pattern: '[A-Za-z0-9_-]{1,64}',
    allowed: '1 to 64 letters, digits, - and _',
    default: 'mosaic',
    doc: 'What all subjects begin with: tells servers apart that share a NATS installation.',
  },
  natsInboxPrefix: {
    name: 'MOSAIC_NATS_INBOX_PREFIX',
    type: 'string',
    pattern: '[A-Za-z0-9_.-]{1,128}',
    allowed: 'a subject of letters, digits, . - and _',
    default: '_INBOX',
    doc: 'What reply subjects begin with, where NATS permissions ask for it.',
  },
} as const;

/** What a credentials file holds: a token, and after it the seed of the key that it is for. */
const CREDENTIALS = /-BEGIN NATS USER JWT-[^]*-BEGIN USER NKEY SEED-/;

/** What the settings of the bus amount to. */
export type BusConfig = ConfigOf<typeof busSettings>;

/** What is wrong with settings that are well formed, each by itself; sentences. */
export function busProblems(config: BusConfig): string[] {
  const { natsCreds } = config;
  const identities = [
    ['MOSAIC_NATS_CREDS', natsCreds],
    ['MOSAIC_NATS_NKEY', config.natsNkey],
    ['MOSAIC_NATS_USER', config.natsUser],
    ['MOSAIC_NATS_TOKEN', config.natsToken],
  ] as const;
  const given = identities.filter(([, value]) => value !== undefined).map(([name]) => name);
  return faultsOf(
    given.length > 1
      ? `${given.join(' and ')} are set: NATS knows a process in one way only, keep one.`
      : undefined,
    config.natsPassword !== undefined && config.natsUser === undefined
      ? 'MOSAIC_NATS_PASSWORD is set without MOSAIC_NATS_USER: name the user.'
      : undefined,
    natsCreds !== undefined && !CREDENTIALS.test(natsCreds.reveal())
      ? 'MOSAIC_NATS_CREDS holds no credentials (-----BEGIN NATS USER JWT …): put what is in the file there, or its path into MOSAIC_NATS_CREDS_FILE.'
      : undefined,
    pemFault('MOSAIC_NATS_TLS_CA', config.natsTlsCa),
    pemFault('MOSAIC_NATS_TLS_CERT', config.natsTlsCert),
    pemFault('MOSAIC_NATS_TLS_KEY', config.natsTlsKey?.reveal()),
    pairFault('MOSAIC_NATS_TLS', config.natsTlsCert, config.natsTlsKey),
  );
}

/** What the bus is told of the settings. */
export function busOptions(config: BusConfig): NatsConnectOptions & { readonly namespace: string } {
  const { natsUrls, natsCreds, natsNkey, natsUser, natsPassword, natsToken } = config;
  const tls = tlsOf(config);
  return {
    servers: natsUrls.map((url) => url.host),
    namespace: config.natsNamespace,
    inboxPrefix: config.natsInboxPrefix,
    ...(natsCreds && { credentials: natsCreds.reveal() }),
    ...(natsNkey && { nkeySeed: natsNkey.reveal() }),
    ...(natsUser !== undefined && { user: natsUser }),
    ...(natsPassword && { password: natsPassword.reveal() }),
    ...(natsToken && { token: natsToken.reveal() }),
    ...(tls && { tls }),
  };
}

function tlsOf({ natsUrls, natsTlsCa, natsTlsCert, natsTlsKey }: BusConfig): NatsTls | undefined {
  const isAsked = natsUrls.some((url) => url.protocol === 'tls:');
  if (!isAsked && natsTlsCa === undefined && natsTlsCert === undefined) return undefined;
  return {
    ...(natsTlsCa !== undefined && { certificateAuthority: natsTlsCa }),
    ...(natsTlsCert !== undefined && { certificate: natsTlsCert }),
    ...(natsTlsKey !== undefined && { key: natsTlsKey.reveal() }),
  };
}
