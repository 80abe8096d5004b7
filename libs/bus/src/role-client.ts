/** A role as a gateway calls it over NATS. */
import { MosaicError, type PublicKey, type ResultCode } from '@mosaic-cluster/protocol';
import type { GetRequest, Page, QueryRequest, RoleService, Submission } from './contract.ts';
import { decodeKeys, decodePage, decodeResults } from './reply-codec.ts';
import {
  encodeGet,
  encodeIdentities,
  encodeQuery,
  encodeSubmit,
  submissionBytes,
} from './request-codec.ts';

/** Bytes of a batch besides its submissions. */
const BATCH_HEAD_BYTES = 8;

/** What a client needs. */
export interface RoleClientOptions {
  /** Asks the role for one operation. */
  readonly ask: (operation: string, payload: Uint8Array) => Promise<Uint8Array>;
  /** Most bytes of one request. */
  readonly payloadBytesMax: () => number;
}

/** Calls a role. */
export class RoleClient implements RoleService {
  readonly #options: RoleClientOptions;

  constructor(options: RoleClientOptions) {
    this.#options = options;
  }

  async submit(submissions: readonly Submission[]): Promise<readonly ResultCode[]> {
    const batches = batchesOf(submissions, this.#options.payloadBytesMax());
    if (batches.length === 1) return this.#submitBatch(submissions);
    const results: ResultCode[] = [];
    // In turn: what follows a key schedule may be signed by the keys in it.
    for (const batch of batches) results.push(...(await this.#submitBatch(batch)));
    return results;
  }

  async query(request: QueryRequest): Promise<Page> {
    return decodePage(await this.#options.ask('query', encodeQuery(request)));
  }

  async get(request: GetRequest): Promise<Page> {
    return decodePage(await this.#options.ask('get', encodeGet(request)));
  }

  async identities(key: PublicKey): Promise<readonly PublicKey[]> {
    return decodeKeys(await this.#options.ask('identities', encodeIdentities(key)));
  }

  async #submitBatch(batch: readonly Submission[]): Promise<readonly ResultCode[]> {
    const results = decodeResults(await this.#options.ask('submit', encodeSubmit(batch)));
    if (results.length === batch.length) return results;
    const message = `a role answered ${batch.length} submissions with ${results.length} results`;
    throw new MosaicError('corrupt', 'bus-message', message);
  }
}

/** Cuts submissions into batches that fit; one always does. */
function batchesOf(submissions: readonly Submission[], bytesMax: number): Submission[][] {
  const batches: Submission[][] = [];
  let batch: Submission[] = [];
  let bytes = BATCH_HEAD_BYTES;
  for (const submission of submissions) {
    const more = submissionBytes(submission);
    if (batch.length > 0 && bytes + more > bytesMax) {
      batches.push(batch);
      batch = [];
      bytes = BATCH_HEAD_BYTES;
    }
    batch.push(submission);
    bytes += more;
  }
  batches.push(batch);
  return batches;
}
