/** The bus of a server that is one process: calls are calls, nothing is copied or encoded. */
import { MosaicError } from '@mosaic-cluster/protocol';
import type {
  Bus,
  LiveHandler,
  LiveListener,
  LiveRecord,
  RoleName,
  RoleService,
} from './contract.ts';

/** Connects gateways and roles within one process. */
export class MemoryBus implements Bus {
  readonly #roles = new Map<RoleName, RoleService>();
  readonly #handlers = new Set<LiveHandler>();

  role(name: RoleName): RoleService {
    return {
      submit: async (submissions, call) => this.#served(name).submit(submissions, call),
      query: async (request, call) => this.#served(name).query(request, call),
      get: async (request, call) => this.#served(name).get(request, call),
      identities: async (key) => this.#served(name).identities(key),
    };
  }

  serves(name: RoleName): boolean {
    return this.#roles.has(name);
  }

  serve(name: RoleName, service: RoleService): () => void {
    if (this.#roles.has(name)) {
      throw new MosaicError('conflict', 'role-served', `the role ${name} is served already`);
    }
    this.#roles.set(name, service);
    return () => {
      if (this.#roles.get(name) === service) this.#roles.delete(name);
    };
  }

  publish(records: readonly LiveRecord[]): void {
    if (records.length === 0) return;
    for (const handler of this.#handlers) handler(records);
  }

  async offer(record: LiveRecord): Promise<number> {
    let reached = 0;
    for (const handler of this.#handlers) reached += handler([record])[0] ?? 0;
    return reached;
  }

  listen(handler: LiveHandler): LiveListener {
    this.#handlers.add(handler);
    return {
      doubt: undefined,
      add: async () => {},
      remove: () => {},
      close: () => {
        this.#handlers.delete(handler);
      },
    };
  }

  async close(): Promise<void> {
    this.#roles.clear();
    this.#handlers.clear();
  }

  #served(name: RoleName): RoleService {
    const service = this.#roles.get(name);
    if (service !== undefined) return service;
    throw new MosaicError('unavailable', 'no-responders', `nobody serves the role ${name}`);
  }
}
