/**
 * A gateway and a worker of each role on servers that a test has started, of which they are told by
 * settings and by nothing else.
 */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { encodeSecretKey, generateSecretKey } from '@mosaic-cluster/protocol';
import { untilReady } from '../local-cluster.ts';
import type { ReportLine } from '../report.ts';
import { ServiceProcess } from '../service-process.ts';

type Settings = Readonly<Record<string, string>>;

/** What the processes are told. */
export interface ServicesOptions {
  /** Everybody. */
  readonly shared: Settings;
  /** The workers, besides. */
  readonly workers: Settings;
  /** One service alone, by its name. */
  readonly each?: Readonly<Record<string, Settings>>;
}

/** Processes that serve. */
export interface Services {
  readonly gateways: readonly ServiceProcess[];
  readonly workers: readonly ServiceProcess[];
  /** What they have said. */
  readonly lines: readonly ReportLine[];
  close(): Promise<void>;
}

/** Starts them; resolves when every one is ready. They keep records in a folder. */
export async function startServices(options: ServicesOptions): Promise<Services> {
  const { shared, workers, each = {} } = options;
  const folder = await mkdtemp(join(tmpdir(), 'mosaic-services-'));
  const keyFile = join(folder, 'server.key');
  await writeFile(keyFile, `${encodeSecretKey(generateSecretKey())}\n`, { mode: 0o600 });
  const lines: ReportLine[] = [];
  const everybody = { MOSAIC_LOG: 'json', MOSAIC_HEALTH_LISTEN: '127.0.0.1:0', ...shared };
  const make = (service: ServiceProcess['spec']['service'], settings: Settings): ServiceProcess =>
    new ServiceProcess(
      { name: service, service, settings: { ...everybody, ...settings, ...each[service] } },
      (line) => lines.push(line),
    );
  const gateway = make('gateway', {
    MOSAIC_SERVER_KEY_FILE: keyFile,
    MOSAIC_MTLS_LISTEN: '127.0.0.1:0',
    MOSAIC_UWS_LISTEN: '127.0.0.1:0',
  });
  const objects = { MOSAIC_OBJECTS: `folder:${join(folder, 'objects')}` };
  const roles = (['outbox', 'inbox', 'encryption'] as const).map((role) =>
    make(role, { ...objects, ...workers }),
  );
  const close = async (): Promise<void> => {
    await gateway.stop();
    await Promise.all(roles.map((role) => role.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const all = [gateway, ...roles];
    await Promise.all(all.map((each) => each.start()));
    await Promise.all(all.map((each) => untilReady(each)));
    return { gateways: [gateway], workers: roles, lines, close };
  } catch (error) {
    await close();
    throw error;
  }
}
