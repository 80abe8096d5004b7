/** When the certificates end that a process was given for NATS and Redis, as a metric. */
import { X509Certificate } from 'node:crypto';
import type { Metrics } from '@mosaic-cluster/runtime';
import type { BusConfig } from './bus-settings.ts';
import type { RedisAccess } from './redis-settings.ts';

const USES = ['nats-client', 'nats-ca', 'redis-client', 'redis-ca'] as const;

/** What a certificate is for. */
export type CertificateUse = (typeof USES)[number];

/** What the settings give of certificates. */
export function certificatesOf(
  config: Partial<Pick<BusConfig, 'natsTlsCert' | 'natsTlsCa'>> &
    Partial<Pick<RedisAccess, 'redisTlsCert' | 'redisTlsCa'>>,
): Record<CertificateUse, string | undefined> {
  return {
    'nats-client': config.natsTlsCert,
    'nats-ca': config.natsTlsCa,
    'redis-client': config.redisTlsCert,
    'redis-ca': config.redisTlsCa,
  };
}

/**
 * Defines the metric of certificates.
 *
 * @param texts PEM, perhaps of several certificates; undefined: there is none
 */
export function defineCertificateMetrics(
  metrics: Metrics,
  texts: Partial<Record<CertificateUse, string | undefined>>,
): void {
  const { expiry } = metrics.define({
    expiry: {
      type: 'gauge',
      name: 'mosaic_certificate_expiry_timestamp_seconds',
      help: 'When the certificate that this process was started with ends, the first of several; +Inf where there is none or it cannot be read. The server key makes certificates without an end.',
      remedy: 'Renew it and restart the process, which reads it at its start.',
      labels: { use: USES },
    },
  });
  for (const use of USES) expiry.with({ use }).set(firstEnd(texts[use]));
}

/** Seconds since 1970. */
function firstEnd(text: string | undefined): number {
  const blocks = text?.match(/-----BEGIN CERTIFICATE-----[^]+?-----END CERTIFICATE-----/g) ?? [];
  const ends = blocks.map((block) => {
    try {
      return Date.parse(new X509Certificate(block).validTo) / 1000;
    } catch {
      // Whoever uses it says what is wrong with it.
      return Infinity;
    }
  });
  return Math.min(Infinity, ...ends);
}
