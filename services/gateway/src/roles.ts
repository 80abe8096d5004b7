/** The roles behind a gateway, as its queries use them. */
import type { GetRequest, Page, QueryRequest, RoleName, RoleService } from '@mosaic-cluster/bus';
import type { FilterView, PublicKey, Reference } from '@mosaic-cluster/protocol';
import type { GatewayCounters } from './counters.ts';
import type { PageSource } from './query-stream.ts';
import { rolesForFilter, rolesForReader } from './role-choice.ts';

/** Makes the sources of query streams. */
export class Roles {
  readonly #names: readonly RoleName[];
  readonly #services: ReadonlyMap<RoleName, RoleService>;
  readonly #counters: GatewayCounters;

  constructor(services: ReadonlyMap<RoleName, RoleService>, counters: GatewayCounters) {
    this.#names = [...services.keys()];
    this.#services = services;
    this.#counters = counters;
  }

  /** Every role that can have something for this filter and reader. */
  forFilter(filter: FilterView, reader: PublicKey | undefined): PageSource[] {
    const names = rolesForFilter(this.#names, filter, reader !== undefined);
    return names.map((name) => (cursor, budget) => {
      return this.#query(name, { filter, reader, cursor, budget });
    });
  }

  /** Every role that can have something for this reader. */
  forReferences(references: readonly Reference[], reader: PublicKey | undefined): PageSource[] {
    const names = rolesForReader(this.#names, reader !== undefined);
    return names.map((name) => (cursor, budget) => {
      return this.#get(name, { references, reader, cursor, budget });
    });
  }

  /** The master keys that a key acts for, as the role says that holds people's schedules. */
  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    const [first] = this.#services.values();
    return first === undefined ? [key] : first.identities(key);
  }

  #query(name: RoleName, request: QueryRequest): Promise<Page> {
    this.#counters.pages += 1;
    return this.#services.get(name)!.query(request);
  }

  #get(name: RoleName, request: GetRequest): Promise<Page> {
    this.#counters.pages += 1;
    return this.#services.get(name)!.get(request);
  }
}
