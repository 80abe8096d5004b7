/** An alert rests on it: of several certificates the one that ends first, and no alarm without any. */
import { X509Certificate } from 'node:crypto';
import { Metrics } from '@mosaic-cluster/runtime';
import { makeTestCertificate } from '@mosaic-cluster/test-servers';
import { expect, test } from 'vitest';
import { defineCertificateMetrics } from './certificate-metrics.ts';

const NAME = 'mosaic_certificate_expiry_timestamp_seconds';

test('the end of a certificate is that of the first to end', async () => {
  const metrics = new Metrics({ service: 'test', version: '0' });
  const { certificate } = makeTestCertificate();
  const fault = '-----BEGIN CERTIFICATE-----\nbroken\n-----END CERTIFICATE-----';
  defineCertificateMetrics(metrics, {
    'nats-ca': fault + certificate,
    'redis-ca': fault,
  });
  const text = await metrics.render();
  const end = Date.parse(new X509Certificate(certificate).validTo) / 1000;
  expect(text).toContain(`${NAME}{use="nats-ca"} ${end}\n`);
  for (const use of ['nats-client', 'redis-ca']) {
    expect(text).toContain(`${NAME}{use="${use}"} +Inf\n`);
  }
});
