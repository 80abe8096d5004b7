/** A role as a gateway calls it over NATS. */
import { MosaicError, type PublicKey, type ResultCode } from '@mosaic-cluster/protocol';
import { CALL_BYTES_MAX } from './call-codec.ts';
import type {
  CallContext,
  GetRequest,
  Page,
  QueryRequest,
  RoleService,
  Submission,
} from './contract.ts';
import { decodeKeys, decodePage, decodeResults } from './reply-codec.ts';
import {
  encodeGet,
  encodeIdentities,
  encodeQuery,
  encodeSubmit,
  submissionBytes,
} from './request-codec.ts';

/** Bytes of a batch besides its submissions. */
const BATCH_OTHER_BYTES = 8 + CALL_BYTES_MAX;

/** What a client needs. */
export interface RoleClientOptions {
  /** Asks the role for one operation. */
  readonly ask: (operation: string, payload: Uint8Array, call?: CallContext) => Promise<Uint8Array>;
  /** Most bytes of one request. */
  readonly payloadBytesMax: () => number;
}

/** Calls a role. */
export class RoleClient implements RoleService {
  readonly #options: RoleClientOptions;

  constructor(options: RoleClientOptions) {
    this.#options = options;
  }

  async submit(
    submissions: readonly Submission[],
    call?: CallContext,
  ): Promise<readonly ResultCode[]> {
    const batches = batchesOf(submissions, this.#options.payloadBytesMax());
    if (batches.length === 1) return this.#submitBatch(submissions, call);
    const results: ResultCode[] = [];
    // In turn: what follows a key schedule may be signed by the keys in it.
    for (const batch of batches) results.push(...(await this.#submitBatch(batch, call)));
    return results;
  }

  async query(request: QueryRequest, call?: CallContext): Promise<Page> {
    return decodePage(await this.#options.ask('query', encodeQuery(request, call), call));
  }

  async get(request: GetRequest, call?: CallContext): Promise<Page> {
    return decodePage(await this.#options.ask('get', encodeGet(request, call), call));
  }

  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    return decodeKeys(await this.#options.ask('identities', encodeIdentities(key)));
  }

  async #submitBatch(
    batch: readonly Submission[],
    call: CallContext | undefined,
  ): Promise<readonly ResultCode[]> {
    const reply = await this.#options.ask('submit', encodeSubmit(batch, call), call);
    const results = decodeResults(reply);
    if (results.length === batch.length) return results;
    const message = `a role answered ${batch.length} submissions with ${results.length} results`;
    throw new MosaicError('corrupt', 'bus-message', message);
  }
}

/** Cuts submissions into batches that fit; one always does. */
function batchesOf(submissions: readonly Submission[], bytesMax: number): Submission[][] {
  const batches: Submission[][] = [];
  let batch: Submission[] = [];
  let bytes = BATCH_OTHER_BYTES;
  for (const submission of submissions) {
    const more = submissionBytes(submission);
    if (batch.length > 0 && bytes + more > bytesMax) {
      batches.push(batch);
      batch = [];
      bytes = BATCH_OTHER_BYTES;
    }
    batch.push(submission);
    bytes += more;
  }
  batches.push(batch);
  return batches;
}
