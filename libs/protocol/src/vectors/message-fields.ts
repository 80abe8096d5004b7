/** Messages under the names of the vector files, in both directions. */
import { hexEncode, readU16 } from '../bytes.ts';
import { parseFilter } from '../filter.ts';
import type { Message, MessageName } from '../message.ts';
import { parseRecord } from '../record.ts';
import { referenceKind } from '../reference.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';

/** The vector files' names of the message types. */
export const MESSAGE_NAMES: Readonly<Record<string, MessageName>> = {
  get: 'get',
  query: 'query',
  subscribe: 'subscribe',
  unsubscribe: 'unsubscribe',
  submission: 'submission',
  dht_lookup: 'dhtLookup',
  blob_submission: 'blobSubmission',
  blob_get: 'blobGet',
  hello: 'hello',
  hello_auth: 'helloAuth',
  record: 'record',
  locally_complete: 'locallyComplete',
  query_closed: 'queryClosed',
  submission_result: 'submissionResult',
  dht_response: 'dhtResponse',
  blob_submission_result: 'blobSubmissionResult',
  blob_result: 'blobResult',
  hello_ack: 'helloAck',
  unrecognized: 'unrecognized',
  closing: 'closing',
};

/** The query id's two bytes: the files take them as opaque. */
function queryIdHex(queryId: number): string {
  return hexEncode(Uint8Array.of(queryId & 0xff, queryId >> 8));
}

/** A parsed message's fields. */
export function describeMessage(message: Message): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  if ('queryId' in message) fields['query_id'] = queryIdHex(message.queryId);
  if ('limit' in message) fields['limit'] = message.limit;
  if ('filter' in message) fields['filter'] = hexEncode(message.filter.bytes);
  if ('record' in message) fields['record'] = hexEncode(message.record.bytes);
  if ('result' in message) fields['result'] = message.result;
  if ('idPrefix' in message) fields['id_prefix'] = hexEncode(message.idPrefix);
  if ('hash' in message) fields['hash'] = hexEncode(message.hash);
  if ('majorVersion' in message) {
    fields['mosaic_major_version'] = message.majorVersion;
    fields['app_ids'] = message.applicationIds;
  }
  if ('blob' in message) {
    fields['length'] = message.blob.length;
    fields['blob'] = hexEncode(message.blob);
  }
  if ('references' in message) {
    fields['references'] = message.references.map((reference) => ({
      kind: referenceKind(reference),
      bytes: hexEncode(reference),
    }));
  }
  return fields;
}

function applicationIds(fields: CaseFields): number[] {
  return fields.list('app_ids').map((id) => {
    if (typeof id !== 'number') throw new VectorFailure('an application id is no number');
    return id;
  });
}

function blobFrom(fields: CaseFields): { hash: Uint8Array; blob: Uint8Array } {
  const blob = fields.hex('blob');
  if (blob.length !== fields.integer('length')) {
    throw new VectorFailure('the blob has another length than it says');
  }
  return { hash: fields.hex('hash'), blob };
}

function queryIdFrom(fields: CaseFields): number {
  const bytes = fields.hex('query_id');
  if (bytes.length !== 2) throw new VectorFailure('a query id has 2 bytes');
  return readU16(bytes, 0);
}

/** The message that has these fields. */
export function messageFrom(name: MessageName, fields: CaseFields): Message {
  switch (name) {
    case 'get': {
      const references = fields.objects('references').map((reference) => {
        reference.skip('kind');
        return reference.hex('bytes');
      });
      return { name, queryId: queryIdFrom(fields), references };
    }
    case 'query':
    case 'subscribe': {
      const filter = parseFilter(fields.hex('filter'));
      return { name, queryId: queryIdFrom(fields), limit: fields.integer('limit'), filter };
    }
    case 'unsubscribe':
    case 'locallyComplete':
      return { name, queryId: queryIdFrom(fields) };
    case 'submission':
      return { name, record: parseRecord(fields.hex('record')) };
    case 'record':
      return { name, queryId: queryIdFrom(fields), record: parseRecord(fields.hex('record')) };
    case 'queryClosed':
      return { name, queryId: queryIdFrom(fields), result: fields.integer('result') };
    case 'submissionResult':
      return { name, result: fields.integer('result'), idPrefix: fields.hex('id_prefix') };
    case 'closing':
      return { name, result: fields.integer('result') };
    case 'unrecognized':
      return { name };
    default:
      return rareMessageFrom(name, fields);
  }
}

function rareMessageFrom(name: MessageName, fields: CaseFields): Message {
  switch (name) {
    case 'hello':
      return {
        name,
        majorVersion: fields.integer('mosaic_major_version'),
        applicationIds: applicationIds(fields),
      };
    case 'helloAck':
      return {
        name,
        result: fields.integer('result'),
        majorVersion: fields.integer('mosaic_major_version'),
        applicationIds: applicationIds(fields),
      };
    case 'blobSubmission':
      return { name, ...blobFrom(fields) };
    case 'blobResult':
      return { name, result: fields.integer('result'), ...blobFrom(fields) };
    case 'blobGet':
      return { name, hash: fields.hex('hash') };
    case 'blobSubmissionResult':
      return { name, result: fields.integer('result'), hash: fields.hex('hash') };
    default:
      throw new VectorFailure(`a ${name} message has no layout`);
  }
}
