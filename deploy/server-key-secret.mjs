// Makes a Secret with a new server key through the Kubernetes API, where there is none: what the chart's
// Job for serverKey.generate runs. It only ever creates; a Secret that is there stays as it is.
import { readFile } from 'node:fs/promises';
import { request } from 'node:https';

const ACCOUNT = '/var/run/secrets/kubernetes.io/serviceaccount';
const TIMEOUT_MS = 20_000;

/**
 * Creates the Secret `name` with `value` at `key`; `api` is where and as whom to ask: host, port, ca (PEM)
 * and token. Resolves with `made`, or `kept` where a Secret of that name exists.
 */
export async function createSecret(api, { namespace, name, key, value }) {
  const secret = {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name, namespace },
    type: 'Opaque',
    stringData: { [key]: value },
  };
  const { status, body } = await post(api, `/api/v1/namespaces/${namespace}/secrets`, secret);
  if (status === 201) return 'made';
  if (status === 409) return 'kept';
  // The answer to a refused request repeats nothing of what was sent.
  throw new Error(`The Kubernetes API refused to create Secret ${name} (${status}): ${body}`);
}

function post({ host, port, ca, token }, path, object) {
  const headers = { authorization: `Bearer ${token}`, 'content-type': 'application/json' };
  const options = { host, port, path, method: 'POST', ca, headers, timeout: TIMEOUT_MS };
  return new Promise((resolve, reject) => {
    const call = request(options, (response) => {
      const chunks = [];
      response.on('data', (chunk) => chunks.push(chunk));
      response.on('error', reject);
      response.on('end', () => {
        const body = Buffer.concat(chunks).toString().slice(0, 500);
        resolve({ status: response.statusCode, body });
      });
    });
    call.on('timeout', () =>
      call.destroy(new Error('The Kubernetes API did not answer within 20 s')),
    );
    call.on('error', reject);
    call.end(JSON.stringify(object));
  });
}

/** Runs in a pod: the arguments are namespace, name of the Secret and key in it. */
export async function makeServerKey([namespace, name, key], environment) {
  if (key === undefined) {
    throw new Error('Say where: server-key-secret NAMESPACE SECRET KEY');
  }
  const { encodeSecretKey, generateSecretKey } = await import('./libs/protocol/dist/index.js');
  const [ca, token] = await Promise.all(
    ['ca.crt', 'token'].map((file) => readFile(`${ACCOUNT}/${file}`, 'utf8')),
  );
  const { KUBERNETES_SERVICE_HOST: host, KUBERNETES_SERVICE_PORT: port } = environment;
  const value = encodeSecretKey(generateSecretKey());
  return createSecret({ host, port, ca, token }, { namespace, name, key, value });
}
