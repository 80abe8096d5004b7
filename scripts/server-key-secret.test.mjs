// Protects the server's key: the Job that makes one only ever creates, and says when it could not. The
// Kubernetes API's end is a real HTTPS server that keeps Secrets as the API does.
import { createServer } from 'node:https';
import { once } from 'node:events';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { createSecret } from '../deploy/server-key-secret.mjs';
import { makeTestCertificate } from '../libs/test-servers/dist/index.js';

const WANTED = { namespace: 'mosaic', name: 'server-key', key: 'key', value: 'mosec0first' };
const secrets = new Map();
const seen = [];
let server;
let api;

beforeEach(async () => {
  secrets.clear();
  seen.length = 0;
  const { certificate, key } = makeTestCertificate();
  server = createServer({ cert: certificate, key }, (request, response) => {
    const chunks = [];
    request.on('data', (chunk) => chunks.push(chunk));
    request.on('end', () => {
      seen.push(`${request.method} ${request.url}`);
      response.statusCode = answerTo(request, Buffer.concat(chunks).toString());
      response.end('{"kind":"Status"}');
    });
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  api = { host: '127.0.0.1', port, ca: certificate, token: 'good' };
});

afterEach(() => new Promise((resolve) => server.close(resolve)));

function answerTo(request, text) {
  if (request.headers.authorization !== 'Bearer good') return 403;
  const object = JSON.parse(text);
  if (secrets.has(object.metadata.name)) return 409;
  secrets.set(object.metadata.name, object);
  return 201;
}

it('makes the Secret where there is none, with one request', async () => {
  expect(await createSecret(api, WANTED)).toBe('made');
  expect(secrets.get('server-key').stringData).toEqual({ key: 'mosec0first' });
  expect(seen).toEqual(['POST /api/v1/namespaces/mosaic/secrets']);
});

it('keeps a Secret that is there', async () => {
  await createSecret(api, WANTED);
  expect(await createSecret(api, { ...WANTED, value: 'mosec0second' })).toBe('kept');
  expect(secrets.get('server-key').stringData).toEqual({ key: 'mosec0first' });
});

it('fails where the API refuses, without telling the key', async () => {
  const refused = createSecret({ ...api, token: 'bad' }, WANTED);
  await expect(refused).rejects.toThrow(/refused to create Secret server-key \(403\)/);
  await expect(refused).rejects.not.toThrow(/mosec0/);
});

it('believes no server with a certificate of somebody else', async () => {
  const { certificate: ca } = makeTestCertificate();
  await expect(createSecret({ ...api, ca }, WANTED)).rejects.toThrow(/certificate/);
  expect(seen).toEqual([]);
});
