/**
 * Asks those who serve what they go by and what is in their memory: the server of a data folder on its
 * control socket, the gateways and workers of a cluster over NATS, all at once.
 */
import {
  decodeReport,
  encodeQuestion,
  type ProcessQuestion,
  type ProcessReport,
} from '@mosaic-cluster/abuse';
import { isUsageError } from '@mosaic-cluster/client/command';
import { busOptions } from '@mosaic-cluster/cluster/stores';
import { isMosaicError } from '@mosaic-cluster/protocol';
import { serverControl } from '@mosaic-cluster/standalone/data-folder';
import { readBusConfig } from '../config.ts';
import { type Place, settingsOf } from '../place/place-options.ts';

/** What processes told. */
export interface AskedProcesses {
  /** Gateways first; empty: nobody answered. */
  readonly reports: readonly ProcessReport[];
  /** Why nobody did, or why some answers are missing; undefined: nothing is known to be missing. */
  readonly why: string | undefined;
}

/** One attempt to reach NATS: a command does not wait for what is not there. */
const LIMITS = { startTimeoutMs: 0, connectTimeoutMs: 2_000 };

/**
 * Asks. Whoever does not answer is not there: that is said, and no error.
 *
 * @throws MosaicError `invalid` (`usage`) for settings of NATS that are wrong
 */
export async function askProcesses(
  place: Place,
  question: ProcessQuestion = {},
): Promise<AskedProcesses> {
  try {
    return await (place.of === 'embedded' ? askServer(place, question) : askCluster(question));
  } catch (error) {
    if (!isMosaicError(error)) throw error;
    const { message } = error;
    if (isUsageError(error)) throw error;
    return { reports: [], why: message };
  }
}

async function askServer(
  { view }: Extract<Place, { of: 'embedded' }>,
  question: ProcessQuestion,
): Promise<AskedProcesses> {
  if (view.holder === undefined) return { reports: [], why: `no server runs on ${view.path}` };
  return { reports: [await serverControl(view.path).report(question)], why: undefined };
}

async function askCluster(question: ProcessQuestion): Promise<AskedProcesses> {
  const options = busOptions(settingsOf(readBusConfig));
  const { connectNatsBus } = await import('@mosaic-cluster/bus/nats');
  const bus = await connectNatsBus({ ...options, name: 'mosaic-admin', limits: LIMITS });
  try {
    const answers = await bus.askAll(encodeQuestion(question));
    const told = answers.map(decodeReport);
    const reports = told.flatMap((report) => report ?? []).toSorted(byService);
    return { reports, why: whyMissing(told, bus.counters.forbiddenPublishes) };
  } finally {
    await bus.close();
  }
}

function whyMissing(
  told: readonly (ProcessReport | undefined)[],
  forbidden: number,
): string | undefined {
  if (forbidden > 0) return 'NATS does not allow this user to ask: docs/bus.md says what to permit';
  if (told.length === 0) return 'no gateway and no worker answers over NATS';
  const others = told.filter((report) => report === undefined).length;
  return others === 0 ? undefined : `what ${others} of another version say is not understood`;
}

/** Gateways, then workers, each by where they run. */
function byService({ process: a }: ProcessReport, { process: b }: ProcessReport): number {
  const isFront = (service: string): number => (service === 'gateway' ? 0 : 1);
  return (
    isFront(a.service) - isFront(b.service) ||
    a.service.localeCompare(b.service) ||
    a.host.localeCompare(b.host) ||
    a.pid - b.pid
  );
}
