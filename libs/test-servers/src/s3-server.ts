/** An S3 server for tests: versitygw over a temporary folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ask } from './probe.ts';
import { runTool } from './run-tool.ts';
import { findServer } from './server-binary.ts';
import { ServerProcess, startedHere, startWithFreePorts } from './server-process.ts';

const USER_TIMEOUT_MS = 10_000;
const ACCESS_KEY = 'test-access-key';
const SECRET_KEY = 'test-secret-key';

/** How an S3 server is started. */
export interface S3Options {
  /** Where it runs instead of a passing folder and a free port. */
  readonly place?: { readonly folder: string; readonly port: number };
  readonly accessKeyId?: string;
  readonly secretAccessKey?: string;
  /** Who may do besides what the policy of a bucket says, and nothing without one. */
  readonly users?: readonly S3User[];
}

/** A user of an S3 server. */
export interface S3User {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
}

/** An S3 server. Buckets are addressed by path. */
export class S3Server extends ServerProcess {
  readonly url: string;
  readonly region = 'us-east-1';
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Its buckets are the folders in here. */
  readonly dataFolder: string;

  /** Use {@link startS3}. */
  constructor(options: S3Options, port: number) {
    const { accessKeyId = ACCESS_KEY, secretAccessKey = SECRET_KEY, place } = options;
    super({
      name: 'versitygw',
      folder: place?.folder,
      args: (folder) => {
        const data = join(folder, 'data');
        const attributes = join(folder, 'attributes');
        for (const made of [data, attributes]) mkdirSync(made, { recursive: true });
        return [
          `--access=${accessKeyId}`,
          `--secret=${secretAccessKey}`,
          '--region=us-east-1',
          `--port=127.0.0.1:${port}`,
          ...(options.users === undefined ? [] : [`--iam-dir=${folder}`]),
          '--health=/health',
          'posix',
          // Attributes in files of their own: not every temporary folder can hold them.
          `--sidecar=${attributes}`,
          data,
        ];
      },
      isReady: async () => {
        const request = 'GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n';
        return (await ask(port, request)).startsWith('HTTP/1.1 200');
      },
    });
    this.url = `http://127.0.0.1:${port}`;
    this.accessKeyId = accessKeyId;
    this.secretAccessKey = secretAccessKey;
    this.dataFolder = join(this.folder, 'data');
  }

  /** Makes an empty bucket, where it is not there. */
  createBucket(name: string): void {
    mkdirSync(join(this.dataFolder, name), { recursive: true });
  }
}

/** Starts an S3 server without any bucket. */
export async function startS3(options: S3Options = {}): Promise<S3Server> {
  const { place, users = [] } = options;
  const server =
    place === undefined
      ? await startWithFreePorts(async () => new S3Server(options, await freePort()))
      : await startedHere(new S3Server(options, place.port));
  for (const user of users) await makeUser(server, user);
  return server;
}

async function makeUser(server: S3Server, user: S3User): Promise<void> {
  const { path } = await findServer('versitygw');
  const { accessKeyId, secretAccessKey, url } = server;
  const asWhom = ['--access', accessKeyId, '--secret', secretAccessKey, '--endpoint-url', url];
  const whom = ['--access', user.accessKeyId, '--secret', user.secretAccessKey, '--role', 'user'];
  const args = ['admin', ...asWhom, 'create-user', ...whom];
  await runTool(path, args, { timeoutMs: USER_TIMEOUT_MS });
}
