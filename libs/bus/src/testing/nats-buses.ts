/** Buses over real NATS servers, ended with their test. */
import type { NatsServer } from '@mosaic-cluster/test-servers';
import { connectNatsBus, type NatsBus, type NatsBusOptions } from '../bus-nats.ts';

/** What every NATS server must allow. */
export const CONFIG = 'max_payload: 2MB';

let namespaces = 0;

/** A namespace that no other test of this process uses. */
export function newNamespace(): string {
  namespaces += 1;
  return `test${namespaces}`;
}

/** Opens buses and closes them all. */
export class Buses {
  readonly #open: NatsBus[] = [];
  readonly namespace: string = newNamespace();
  readonly notices: string[] = [];

  /** A bus on these servers, the first of them first. */
  async connect(
    servers: readonly NatsServer[],
    more: Partial<NatsBusOptions> = {},
  ): Promise<NatsBus> {
    const bus = await connectNatsBus({
      servers: servers.map((server) => server.url),
      namespace: this.namespace,
      notice: (sentence) => this.notices.push(sentence),
      ...more,
      limits: { closeTimeoutMs: 2_000, ...more.limits },
    });
    this.#open.push(bus);
    return bus;
  }

  async close(): Promise<void> {
    await Promise.all(this.#open.splice(0).map((bus) => bus.close()));
  }
}
