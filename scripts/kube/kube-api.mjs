// Asks a Kubernetes API server by HTTP: calls whose answers checks look at, and watches that miss no change.
import { request } from 'node:https';

const TIMEOUT_MS = 30_000;

/** A client of the API at `{ host, port, ca, token }`. */
export class KubeApi {
  #place;

  constructor(place) {
    this.#place = place;
  }

  /** The answer to one call, whatever its status: `{ status, body }`, the body parsed. */
  async call(method, path, body, type = 'application/json') {
    const response = await this.#send(method, path, body, type);
    response.setEncoding('utf8');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, body: text === '' ? undefined : JSON.parse(text) };
  }

  /** As `call`, for those that must succeed. @throws Error with the API server's words */
  async ask(method, path, body, type) {
    const answer = await this.call(method, path, body, type);
    if (answer.status < 300) return answer.body;
    throw new Error(`${method} ${path}: ${answer.status} ${answer.body?.message}`);
  }

  /**
   * Follows a list from now on: `told(type, object)` hears of what is there and of every change, in order.
   * Resolves when it has heard of what is there, with what ends it.
   */
  async watch(path, told) {
    const list = await this.ask('GET', path);
    for (const item of list.items) told('ADDED', item);
    const query = `watch=1&resourceVersion=${list.metadata.resourceVersion}`;
    const response = await this.#send('GET', `${path}?${query}`);
    response.setEncoding('utf8');
    let rest = '';
    response.on('data', (chunk) => {
      const lines = (rest + chunk).split('\n');
      rest = lines.pop();
      for (const line of lines) {
        const { type, object } = JSON.parse(line);
        told(type, object);
      }
    });
    // It ends with the server, which is no surprise to whoever ended that.
    response.on('error', () => {});
    return () => response.destroy();
  }

  #send(method, path, body, type) {
    const { host, port, ca, token } = this.#place;
    const text = body === undefined ? undefined : JSON.stringify(body);
    const headers = { authorization: `Bearer ${token}` };
    if (text !== undefined) {
      headers['content-type'] = type;
      headers['content-length'] = Buffer.byteLength(text);
    }
    return new Promise((resolve, reject) => {
      const call = request({ host, port, ca, method, path, headers, agent: false }, resolve);
      call.setTimeout(path.includes('watch=1') ? 0 : TIMEOUT_MS, () =>
        call.destroy(new Error(`${method} ${path}: no answer within ${TIMEOUT_MS / 1000} s`)),
      );
      call.on('error', reject);
      call.end(text);
    });
  }
}
