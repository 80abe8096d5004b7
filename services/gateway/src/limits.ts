/**
 * Every bound of the gateway's engine in one table: what it limits, how much is allowed unless
 * the operator says otherwise, and what happens to what exceeds it. The reference page is made
 * from it, so that a bound cannot exist without its sentence.
 */
import { MosaicError } from '@mosaic-cluster/protocol';
import type { LimitSpec } from './limit-spec.ts';
import { DRAIN_MARK_BYTES } from './listener/listener.ts';

/** The names of the bounds. */
export type GatewayLimitName =
  | 'connectionsBusyFrom'
  | 'connectionsSharedMax'
  | 'openRequestsMax'
  | 'requestBytesMax'
  | 'getReferencesMax'
  | 'getTurnsMs'
  | 'streamsActiveMax'
  | 'pageRecordsFirst'
  | 'pageRecordsMax'
  | 'pageBytesMax'
  | 'pageScannedMax'
  | 'streamWriteBytes'
  | 'streamPauseBytes'
  | 'submissionBatchRecordsMax'
  | 'submissionBatchBytesMax'
  | 'submissionBatchesInFlightMax'
  | 'submissionQueueRecordsMax'
  | 'submissionQueueBytesMax'
  | 'dependentRecordsMax'
  | 'dependentBytesMax'
  | 'connectionSubmissionsMax'
  | 'connectionSubmissionBytesMax'
  | 'interestKeysMax'
  | 'heldRecordsMax'
  | 'heldBytesMax'
  | 'seamIdsMax'
  | 'seamLagMs'
  | 'recentIdsMax'
  | 'recentDeliveriesMax'
  | 'catchUpIdsMax'
  | 'catchUpMemoryMs'
  | 'catchUpsActiveMax'
  | 'catchUpsSharedMax'
  | 'catchUpSpreadMs'
  | 'catchUpTimeoutMs'
  | 'deliveryBytesMax'
  | 'subscriberUnreadBytesMax';

/** Every bound with its default. */
export const GATEWAY_LIMIT_TABLE: Readonly<Record<GatewayLimitName, LimitSpec>> = {
  connectionsBusyFrom: {
    value: 5_000,
    what: 'connections, of all listeners; half of what one listener may have',
    overflow: 'it matters who comes, see connectionsSharedMax',
  },
  connectionsSharedMax: {
    value: 312,
    what: 'then connections of one IPv4 address, of one IPv6 network of 48 bits, or of one attested key; a 32nd of what a listener may have',
    overflow: 'Closing TOO_FAST, and the connection is closed with 1013; not for registered users',
  },
  openRequestsMax: {
    value: 256,
    what: 'Gets, queries and subscriptions open at a time on one connection',
    overflow: 'the request is closed with TOO_FAST',
  },
  requestBytesMax: {
    value: 4_194_304,
    what: 'bytes that the open requests of one connection hold: filters, references, what subscriptions are filed under',
    overflow: 'the request is closed with TOO_FAST',
  },
  getReferencesMax: {
    value: 1_024,
    what: 'references in one Get',
    overflow: 'the request is closed with TOO_LARGE',
  },
  getTurnsMs: {
    value: 1_000,
    what: 'milliseconds for which a Get by ID asks one role after the other, each for what is still missing',
    overflow: 'the roles that are left are asked for everything, all at once',
  },
  streamsActiveMax: {
    value: 16,
    what: 'stored queries of one connection that run at a time',
    overflow: 'the others wait for their turn, first come, first served',
  },
  pageRecordsFirst: {
    value: 64,
    what: 'records asked of a role for the first page of a query without a limit of its own',
    overflow: 'the rest comes with later pages, which grow',
  },
  pageRecordsMax: {
    value: 512,
    what: 'records asked of a role at a time',
    overflow: 'the rest comes with later pages',
  },
  pageBytesMax: {
    value: 262_144,
    what: 'bytes of records asked of a role at a time',
    overflow: 'the rest comes with later pages; one larger record comes alone',
  },
  pageScannedMax: {
    value: 4_096,
    what: 'index entries that a role may look at for one page',
    overflow: 'the role goes on where it stopped when it is asked again',
  },
  streamWriteBytes: {
    value: 131_072,
    what: 'bytes that a stored query writes before it looks whether its client reads',
    overflow: 'the rest is written next, or after the client has read',
  },
  streamPauseBytes: {
    value: 131_072,
    what: 'bytes unread by a client from which on its stored queries pause',
    overflow: 'they go on when everything was read',
  },
  submissionBatchRecordsMax: {
    value: 256,
    what: 'records in one batch to a role',
    overflow: 'the rest goes in the next batch',
  },
  submissionBatchBytesMax: {
    value: 1_048_576,
    what: 'bytes of records in one batch to a role',
    overflow: 'the rest goes in the next batch; one larger record goes alone',
  },
  submissionBatchesInFlightMax: {
    value: 4,
    what: 'batches that one role has not answered yet, and one more of people who have nothing in them',
    overflow:
      'submissions gather in the queue; those of one address or known key from half of it on',
  },
  submissionQueueRecordsMax: {
    value: 16_384,
    what: 'submissions that wait for one role; addresses, and keys that are attested or registered, take turns',
    overflow:
      'the submission is answered with TOO_FAST; from half of it on also where its address, or its key if that is attested or registered, has a 16th',
  },
  submissionQueueBytesMax: {
    value: 67_108_864,
    what: 'bytes of the submissions that wait for one role',
    overflow: 'as with submissionQueueRecordsMax',
  },
  dependentRecordsMax: {
    value: 4_096,
    what: 'submissions that wait for the answer to a key schedule, which the same connection sent before them',
    overflow:
      'the submission is answered with TOO_FAST; from half of it on also where its address, or its key if that is attested or registered, has a 16th',
  },
  dependentBytesMax: {
    value: 16_777_216,
    what: 'bytes of these submissions',
    overflow: 'as with dependentRecordsMax',
  },
  connectionSubmissionsMax: {
    value: 2_048,
    what: 'submissions of one connection that are not answered yet',
    overflow: 'the submission is answered with TOO_FAST',
  },
  connectionSubmissionBytesMax: {
    value: 16_777_216,
    what: 'bytes of the submissions of one connection that are not answered yet',
    overflow: 'the submission is answered with TOO_FAST',
  },
  interestKeysMax: {
    value: 1_000_000,
    what: 'authors, tags and the like that all subscriptions of the gateway wait for; half a kibibyte of memory each, and an interest on the bus where nobody else waits for the same. Besides, up to 17 keys for each connection that proved one and subscribes: whom it reads as',
    overflow:
      'the subscription is closed with TEMPORARY_ERROR; from half of it on also where its address, or its key if that is attested or registered, has a 64th',
  },
  heldRecordsMax: {
    value: 8_192,
    what: 'live records kept for one subscription while its stored records are on their way',
    overflow: 'the subscription is closed with TEMPORARY_ERROR',
  },
  heldBytesMax: {
    value: 8_388_608,
    what: 'bytes of the live records kept for one subscription',
    overflow: 'the subscription is closed with TEMPORARY_ERROR',
  },
  seamIdsMax: {
    value: 32_768,
    what: 'stored records sent to one subscription that may still arrive live',
    overflow: 'the subscription is closed with TEMPORARY_ERROR',
  },
  seamLagMs: {
    value: 5_000,
    what: 'milliseconds between receiving a record and publishing it that a subscription expects',
    overflow: 'a record published later may reach a new subscription a second time',
  },
  recentIdsMax: {
    value: 4_096,
    what: 'published records of which is remembered whom they reached',
    overflow: 'the oldest is forgotten: published again, it is delivered again',
  },
  recentDeliveriesMax: {
    value: 65_536,
    what: 'deliveries of private records remembered with these, all together',
    overflow: 'the oldest record is forgotten: published again, it is delivered again',
  },
  catchUpIdsMax: {
    value: 131_072,
    what: 'as recentIdsMax, where gateway and roles are processes of their own',
    overflow:
      'the oldest is forgotten: a subscription that may have missed it is closed with TEMPORARY_ERROR',
  },
  catchUpMemoryMs: {
    value: 60_000,
    what: 'as seamLagMs, where gateway and roles are processes of their own',
    overflow: 'as with catchUpIdsMax',
  },
  catchUpsActiveMax: {
    value: 8,
    what: 'subscriptions at a time whose missed records are looked for in storage',
    overflow: 'the others wait; addresses, and keys that are attested or registered, take turns',
  },
  catchUpsSharedMax: {
    value: 2,
    what: 'the same, of one address, or of one key that is attested or registered',
    overflow: 'its others wait',
  },
  catchUpSpreadMs: {
    value: 2_000,
    what: 'milliseconds over which gateways spread the beginning of such a search, and its repetitions',
    overflow: 'none: the time is random within the bound',
  },
  catchUpTimeoutMs: {
    value: 60_000,
    what: 'milliseconds for which a search that fails is repeated',
    overflow: 'the subscription is closed with TEMPORARY_ERROR',
  },
  deliveryBytesMax: {
    value: 1_048_584,
    what: 'bytes of live messages written between two looks whether clients read',
    overflow: 'the rest follows at once, to those who read',
  },
  subscriberUnreadBytesMax: {
    value: 1_048_576,
    what: 'bytes unread by a client from which on it is too slow for live records',
    overflow: 'its subscriptions that a record arrives for are closed with TEMPORARY_ERROR',
  },
};

/** The bounds in force. */
export type GatewayLimits = Readonly<Record<GatewayLimitName, number>>;

/** The least value that makes sense where it is not 1. */
const LEAST: Readonly<Partial<Record<GatewayLimitName, number>>> = {
  // Below the mark a socket does not promise to say when everything was read.
  streamPauseBytes: DRAIN_MARK_BYTES,
  deliveryBytesMax: GATEWAY_LIMIT_TABLE.deliveryBytesMax.value,
};

/**
 * The bounds in force: the defaults with an operator's changes.
 *
 * @throws MosaicError `invalid` with code `gateway-limits` for a value that cannot work
 */
export function resolveGatewayLimits(changes: Partial<GatewayLimits> = {}): GatewayLimits {
  const resolved: Partial<Record<GatewayLimitName, number>> = {};
  for (const name of Object.keys(GATEWAY_LIMIT_TABLE) as GatewayLimitName[]) {
    const value = changes[name] ?? GATEWAY_LIMIT_TABLE[name].value;
    const least = LEAST[name] ?? 1;
    if (!Number.isSafeInteger(value) || value < least) {
      const message = `${name} must be a whole number of at least ${least}, not ${value}`;
      throw new MosaicError('invalid', 'gateway-limits', message);
    }
    resolved[name] = value;
  }
  return resolved as GatewayLimits;
}
