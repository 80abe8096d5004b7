/** Makes and ends the application object of uWebSockets.js, which wants its key as a file. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TlsIdentity } from '@mosaic-cluster/certificate';
import { MosaicError } from '@mosaic-cluster/protocol';
import type { TemplatedApp } from 'uWebSockets.js';
import type { UwsModule } from './uws-module.ts';

/** A directory in memory, where Linux has it: the key need not touch a disk. */
const MEMORY_DIRECTORY = '/dev/shm';

/**
 * An application with TLS. The library reads certificate and key from files only; they exist as long
 * as it reads.
 *
 * @throws MosaicError `invalid` with code `listener-tls` where they can't be used
 */
export function secureApp(uws: UwsModule, tls: TlsIdentity): TemplatedApp {
  const directory = privateDirectory();
  const certificate = join(directory, 'certificate.pem');
  const key = join(directory, 'key.pem');
  try {
    writeFileSync(certificate, tls.certificate, { mode: 0o600 });
    writeFileSync(key, tls.key, { mode: 0o600 });
    return uws.SSLApp({ cert_file_name: certificate, key_file_name: key });
  } catch (cause) {
    const message =
      'uWebSockets.js cannot use the certificate and its key; do they belong together?';
    throw new MosaicError('invalid', 'listener-tls', message, { cause });
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

function privateDirectory(): string {
  const prefix = `mosaic-tls-${process.pid}-`;
  try {
    return mkdtempSync(join(MEMORY_DIRECTORY, prefix));
  } catch {
    return mkdtempSync(join(tmpdir(), prefix));
  }
}

/** `close()` is missing in the types of the library; it ends every connection at once. */
export function closeApp(app: TemplatedApp): void {
  (app as TemplatedApp & { close(): void }).close();
}
