/** An S3 server for tests: versitygw over a temporary folder. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { freePort } from './free-port.ts';
import { ask } from './probe.ts';
import { ServerProcess, startWithFreePorts } from './server-process.ts';

const ACCESS_KEY = 'test-access-key';
const SECRET_KEY = 'test-secret-key';

/** An S3 server under test. Buckets are addressed by path. */
export class S3Server extends ServerProcess {
  readonly url: string;
  readonly region = 'us-east-1';
  readonly accessKeyId: string = ACCESS_KEY;
  readonly secretAccessKey: string = SECRET_KEY;
  /** Its buckets are the folders in here. */
  readonly dataFolder: string;

  /** Use {@link startS3}. */
  constructor(port: number) {
    super({
      name: 'versitygw',
      args: (folder) => {
        const data = join(folder, 'data');
        const attributes = join(folder, 'attributes');
        for (const made of [data, attributes]) mkdirSync(made, { recursive: true });
        return [
          `--access=${ACCESS_KEY}`,
          `--secret=${SECRET_KEY}`,
          '--region=us-east-1',
          `--port=127.0.0.1:${port}`,
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
    this.dataFolder = join(this.folder, 'data');
  }

  /** Makes an empty bucket. */
  createBucket(name: string): void {
    mkdirSync(join(this.dataFolder, name));
  }
}

/** Starts an S3 server without any bucket. */
export function startS3(): Promise<S3Server> {
  return startWithFreePorts(async () => new S3Server(await freePort()));
}
