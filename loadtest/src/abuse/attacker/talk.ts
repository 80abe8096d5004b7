/** Connections of an attacker that speak properly, whatever they say, and count the answers. */
import { MESSAGE, resultName } from '@mosaic-cluster/protocol';
import { Connection } from '../../generator/connection.ts';
import type { ServerAddress } from '../../generator/server-address.ts';
import { LoadError } from '../../load-error.ts';
import type { Attacker } from '../attack.ts';
import { pace, pause, untilAborted } from './pace.ts';

/** Results that are no refusal. */
const SERVED: ReadonlySet<string> = new Set(['SUCCESS', 'ACCEPTED', 'DUPLICATE', 'NOT_FOUND']);
/** After a connection that failed, before the next attempt. */
const AGAIN_MS = 50;
/** Bytes waiting to be sent from which on an attacker says nothing more on a connection. */
const UNSENT_BYTES_MAX = 1_048_576;

/** An open connection of an attacker. */
export interface Talk {
  readonly connection: Connection;
  readonly isOver: () => boolean;
  /** Sends a message, where the connection takes it, and counts it. */
  send(message: Uint8Array): void;
}

/** Opens a connection; undefined where the server refuses, which is counted. */
export async function openTalk(
  { tally, signal }: Attacker,
  address: ServerAddress,
  onOver: () => void = () => {},
): Promise<Talk | undefined> {
  let isOver = false;
  let isTold = false;
  const count = (result: number | undefined): void => {
    const name = resultName(result ?? -1) ?? `result ${result}`;
    if (SERVED.has(name)) tally.accepted(name);
    else tally.refused(name);
  };
  try {
    const connection = await Connection.open(address, {
      message(_connection, bytes, at) {
        const type = bytes[at];
        if (type === MESSAGE.submissionResult) count(bytes[at + 4]);
        else if (type === MESSAGE.queryClosed) count(bytes[at + 6]);
        else if (type === MESSAGE.closing) {
          isTold = true;
          tally.refused(`closing ${resultName(bytes[at + 1] ?? -1) ?? 'unknown'}`);
        } else if (type === MESSAGE.record) tally.accepted('record');
        else if (type === MESSAGE.locallyComplete) tally.accepted('locally complete');
      },
      lost() {
        isOver = true;
        if (!isTold && !signal.aborted) tally.refused('cut');
        onOver();
      },
    });
    return {
      connection,
      isOver: () => isOver,
      send(message) {
        if (isOver || connection.unsentBytes > UNSENT_BYTES_MAX) return;
        tally.sent += 1;
        connection.send(message);
      },
    };
  } catch (error) {
    if (!(error instanceof LoadError)) throw error;
    tally.refused('no connection');
    return undefined;
  }
}

/**
 * Keeps so many connections open until the attack ends: each is opened again when it is lost, after
 * a pause.
 *
 * @param begin called for every connection that opens
 * @returns the places of the connections; undefined where there is none at the moment
 */
export function keepTalking(
  attacker: Attacker,
  count: number,
  begin: (talk: Talk) => void = () => {},
): { readonly talks: readonly (Talk | undefined)[]; readonly done: Promise<void> } {
  const talks: (Talk | undefined)[] = Array.from({ length: count }, () => undefined);
  const { gateways, signal } = attacker;
  const keep = async (place: number): Promise<void> => {
    while (!signal.aborted) {
      const lost = new AbortController();
      const talk = await openTalk(attacker, gateways[place % gateways.length]!, () => lost.abort());
      if (talk !== undefined) {
        talks[place] = talk;
        begin(talk);
        await untilAborted(AbortSignal.any([signal, lost.signal]));
        talks[place] = undefined;
        await talk.connection.close();
      }
      await pause(AGAIN_MS, signal);
    }
  };
  const done = Promise.all(talks.map((_, place) => keep(place))).then(() => {});
  return { talks, done };
}

/** Says things on such connections in turns, at a rate, until the attack ends. */
export async function sayOn(
  attacker: Attacker,
  connections: number,
  perSecond: number,
  say: (talk: Talk) => void,
): Promise<void> {
  const { talks, done } = keepTalking(attacker, connections);
  let turn = 0;
  await pace(perSecond, attacker.signal, () => {
    turn += 1;
    const talk = talks[turn % connections];
    if (talk !== undefined) say(talk);
  });
  await done;
}
