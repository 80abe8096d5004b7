/** The roles behind a gateway, as its queries use them. */
import type {
  Bus,
  GetRequest,
  Page,
  QueryRequest,
  RoleName,
  RoleService,
} from '@mosaic-cluster/bus';
import {
  type FilterView,
  isMosaicError,
  MosaicError,
  type PublicKey,
  type Reference,
  referenceKind,
} from '@mosaic-cluster/protocol';
import type { Clock } from '../clock.ts';
import type { GatewayCounters } from '../counters.ts';
import { textOf } from '../key-text.ts';
import type { PageSource } from '../queries/query-stream.ts';
import {
  type RoleShare,
  rolesForFilter,
  rolesForReader,
  rolesOfShare,
} from '../submissions/role-choice.ts';
import { idTextOf } from '../live/seam.ts';
import type { StoredWatch } from '../watch/stored-watch.ts';

/** What the roles are made of. */
export interface RolesOptions {
  readonly bus: Pick<Bus, 'serves'>;
  /** In the order in which they are asked. */
  readonly services: ReadonlyMap<RoleName, RoleService>;
  readonly counters: GatewayCounters;
  /** Whether a call goes to another process: then it is worth waiting to save one. */
  readonly isRemote: boolean;
  readonly clock: Clock;
  /** Milliseconds after which a Get does without what the roles before a role will say. */
  readonly getTurnsMs: number;
}

const NOTHING: Page = { records: [], next: undefined, below: undefined };

/** Makes the sources of query streams. */
export class Roles {
  readonly #names: readonly RoleName[];
  readonly #options: RolesOptions;

  constructor(options: RolesOptions) {
    this.#names = [...options.services.keys()];
    this.#options = options;
  }

  /**
   * Every role that can have something for this filter and reader.
   *
   * @param watch follows the client's request that this is for
   */
  forFilter(
    filter: FilterView,
    reader: PublicKey | undefined,
    share: RoleShare = 'all',
    watch?: StoredWatch,
  ): PageSource[] {
    const names = rolesForFilter(rolesOfShare(this.#names, share), filter, reader !== undefined);
    return names.map((name) => (cursor, budget) => {
      return this.#query(name, { filter, reader, cursor, budget }, watch);
    });
  }

  /** Every role that can have something for this reader. */
  forReferences(
    references: readonly Reference[],
    reader: PublicKey | undefined,
    watch?: StoredWatch,
  ): PageSource[] {
    const names = rolesForReader(this.#names, reader !== undefined);
    const isById = (): boolean =>
      references.every((reference) => referenceKind(reference) === 'id');
    if (this.#options.isRemote && names.length > 1 && isById()) {
      return this.#inTurn(names, references, reader, watch);
    }
    return names.map((name) => (cursor, budget) => {
      return this.#get(name, { references, reader, cursor, budget }, watch);
    });
  }

  /**
   * The master keys that a key acts for. Every role knows people's schedules, so the first that is
   * there is asked.
   */
  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    const { bus, services } = this.#options;
    const names = this.#names.filter((name) => bus.serves(name));
    let failure: unknown;
    for (const name of names.length === 0 ? this.#names : names) {
      try {
        return await services.get(name)!.identities(key);
      } catch (error) {
        if (!isMosaicError(error) || !error.retryable) throw error;
        failure ??= error;
      }
    }
    if (failure !== undefined) throw failure;
    return [key];
  }

  /**
   * Each role is asked for what those before it did not have: a server keeps one copy of a record,
   * so that mostly the first role has it all, and the others need not look. Where that takes long,
   * they are asked for everything: roles that hang must not be waited for one after the other.
   */
  #inTurn(
    names: readonly RoleName[],
    references: readonly Reference[],
    reader: PublicKey | undefined,
    watch: StoredWatch | undefined,
  ): PageSource[] {
    const { clock, getTurnsMs } = this.#options;
    let endTurns = (): void => {};
    const late = new Promise<readonly Reference[]>((resolve) => {
      endTurns = () => resolve(references);
    });
    let forget: (() => void) | undefined;
    let answered = 0;
    let left: Promise<readonly Reference[]> = Promise.resolve(references);
    return names.map((name): PageSource => {
      const before = left;
      let tell: (missing: readonly Reference[]) => void = () => {};
      left = new Promise((resolve) => {
        tell = (missing) => {
          answered += 1;
          if (answered === names.length) forget?.();
          resolve(missing);
        };
      });
      return async (cursor, budget) => {
        forget ??= clock.schedule(endTurns, getTurnsMs);
        const wanted = await Promise.race([before, late]);
        if (wanted.length === 0) {
          tell(wanted);
          return NOTHING;
        }
        try {
          const asked = { references: wanted, reader, cursor, budget };
          const page = await this.#get(name, asked, watch);
          tell(
            page.next === undefined && cursor === undefined ? withoutFound(wanted, page) : wanted,
          );
          return page;
        } catch (error) {
          tell(wanted);
          throw error;
        }
      };
    });
  }

  async #query(
    name: RoleName,
    request: QueryRequest,
    watch: StoredWatch | undefined,
  ): Promise<Page> {
    const service = this.#service(name);
    if (watch === undefined) return service.query(request);
    return watch.during(name, (call) => service.query(request, call));
  }

  async #get(name: RoleName, request: GetRequest, watch: StoredWatch | undefined): Promise<Page> {
    const service = this.#service(name);
    if (watch === undefined) return service.get(request);
    return watch.during(name, (call) => service.get(request, call));
  }

  /** @throws MosaicError `unavailable` where nobody was there a moment ago */
  #service(name: RoleName): RoleService {
    const { bus, services, counters } = this.#options;
    if (!bus.serves(name)) {
      throw new MosaicError('unavailable', 'no-responders', `nobody serves the role ${name}`);
    }
    counters.pages += 1;
    return services.get(name)!;
  }
}

/** The references of IDs that a page does not have. */
function withoutFound(references: readonly Reference[], { records }: Page): readonly Reference[] {
  if (records.length === 0) return references;
  if (records.length === references.length) return [];
  const found = new Set(records.map(({ record }) => idTextOf(record.bytes)));
  return references.filter((reference) => !found.has(textOf(reference)));
}
