/** The honest clients of a trial: strangers elsewhere, people at the attacker's address, newcomers. */
import {
  encodeMessage,
  encodeUserKey,
  generateSecretKey,
  MESSAGE,
  RESULT,
  resultName,
  type SigningTools,
} from '@mosaic-cluster/protocol';
import { makeTlsIdentity } from '@mosaic-cluster/certificate';
import { Connection } from '../../generator/connection.ts';
import type { ServerAddress } from '../../generator/server-address.ts';
import { LoadError } from '../../load-error.ts';
import { HonestClient, type HonestPerson } from './honest-client.ts';
import { HonestFigures } from './honest-figures.ts';

/** Where attackers come from, and those who share their address. */
export const ATTACKER_ADDRESS = '127.0.0.66';
const STRANGERS = ['127.0.0.11', '127.0.0.12'];
/** A tenth of a stranger's budget is what an unknown key has where somebody else is banned. */
const PER_SECOND = { stranger: 15, known: 20, unknown: 3, newcomers: 2 } as const;
const ARRIVAL_PATIENCE_MS = 15_000;
const QUERY_ID = 3;

/** The registered user of every trial. */
export const REGISTERED_SECRET: Uint8Array = generateSecretKey();

/** Their key as a setting names it. */
export function registeredUser(tools: Required<SigningTools>): string {
  return encodeUserKey(tools.publicKeyOf(REGISTERED_SECRET));
}

/** Who is there. */
export interface CrowdOptions {
  /** Somebody with an unknown key is at the attacker's address. */
  readonly withUnknown: boolean;
  /** Everybody repeats what they are asked to try again, and nobody new comes. */
  readonly areRepeating: boolean;
}

/** Where people connect. */
export interface CrowdListeners {
  readonly addresses: readonly ServerAddress[];
  readonly keyAddresses: readonly ServerAddress[];
}

/** People who keep to the rules. */
export class HonestCrowd {
  readonly #clients: readonly HonestClient[];
  /** Where newcomers come; undefined: none come. */
  readonly #gateway: ServerAddress | undefined;
  #arrived = 0;

  private constructor(clients: readonly HonestClient[], gateway: ServerAddress | undefined) {
    this.#clients = clients;
    this.#gateway = gateway;
  }

  /**
   * @param listeners one of each gateway: those for everybody, and for who proves a key
   * @throws LoadError where one of them cannot connect
   */
  static async open(
    { addresses: gateways, keyAddresses }: CrowdListeners,
    tools: Required<SigningTools>,
    { withUnknown, areRepeating }: CrowdOptions,
  ): Promise<HonestCrowd> {
    const unknown = withUnknown ? [unknownAt(keyAddresses[0]!)] : [];
    const people = [...strangersAt(gateways), registeredAt(keyAddresses.at(-1)!), ...unknown];
    const opening = people.map((each) =>
      HonestClient.open({ ...each, isRepeating: areRepeating }, tools),
    );
    // Newcomers ask once, and would be told to try again.
    const gateway = areRepeating ? undefined : gateways.at(-1)!;
    return new HonestCrowd(await Promise.all(opening), gateway);
  }

  /** Everybody works for so long; what they met. */
  async work(ms: number): Promise<HonestFigures> {
    const figures = new HonestFigures();
    const working = this.#clients.map((client) => client.work(ms, figures));
    await Promise.all([...working, this.#arrivals(ms, figures)]);
    return figures;
  }

  /** Everybody leaves. */
  async close(): Promise<void> {
    await Promise.all(this.#clients.map((client) => client.close()));
  }

  /** Newcomers from addresses of their own: how long until the server has answered a first question. */
  async #arrivals(ms: number, figures: HonestFigures): Promise<void> {
    const gateway = this.#gateway;
    if (gateway === undefined) return;
    const arrivals: Promise<void>[] = [];
    const count = Math.max(1, Math.floor((ms / 1000) * PER_SECOND.newcomers));
    for (let n = 0; n < count; n++) {
      this.#arrived += 1;
      const localAddress = `127.1.${Math.floor(this.#arrived / 250) % 250}.${1 + (this.#arrived % 250)}`;
      arrivals.push(arrive({ ...gateway, localAddress }, figures));
      await new Promise((resolve) => setTimeout(resolve, ms / count));
    }
    await Promise.all(arrivals);
  }
}

function strangersAt(gateways: readonly ServerAddress[]): HonestPerson[] {
  return STRANGERS.map((localAddress, n): HonestPerson => {
    const address = { ...gateways[n % gateways.length]!, localAddress };
    const perSecond = PER_SECOND.stranger;
    return { who: 'a stranger elsewhere', address, secretKey: generateSecretKey(), perSecond };
  });
}

function registeredAt(gateway: ServerAddress): HonestPerson {
  const identity = makeTlsIdentity(REGISTERED_SECRET);
  return {
    who: "a registered user at the attacker's address",
    address: { ...gateway, localAddress: ATTACKER_ADDRESS, identity },
    secretKey: REGISTERED_SECRET,
    perSecond: PER_SECOND.known,
  };
}

function unknownAt(gateway: ServerAddress): HonestPerson {
  const secretKey = generateSecretKey();
  const identity = makeTlsIdentity(secretKey);
  return {
    who: "an unknown key at the attacker's address",
    address: { ...gateway, localAddress: ATTACKER_ADDRESS, identity },
    secretKey,
    perSecond: PER_SECOND.unknown,
  };
}

async function arrive(address: ServerAddress, figures: HonestFigures): Promise<void> {
  const sinceMs = performance.now();
  let fail: (why: string) => void = () => {};
  let connection: Connection | undefined;
  try {
    const answered = new Promise<void>((resolve, reject) => {
      fail = (why) => reject(new LoadError(why));
      const handler = {
        message(_connection: Connection, bytes: Buffer, at: number): void {
          if (bytes[at] === MESSAGE.queryClosed && bytes[at + 6] === RESULT.NOT_FOUND) resolve();
          else fail(resultName(bytes[at + (bytes[at] === MESSAGE.closing ? 1 : 6)]!) ?? 'a word');
        },
        lost: (_connection: Connection, why: string) => fail(why),
      };
      Connection.open(address, handler).then((opened) => {
        connection = opened;
        const references = [new Uint8Array(48)];
        opened.send(encodeMessage({ name: 'get', queryId: QUERY_ID, references }));
      }, reject);
    });
    const timer = setTimeout(() => fail('no answer'), ARRIVAL_PATIENCE_MS);
    await answered.finally(() => clearTimeout(timer));
    figures.done('arrival', sinceMs);
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    figures.failed('arrival', 'a newcomer', error.message);
  } finally {
    await connection?.close();
  }
}
