/** Checks of Get. */
import { type Check, check, ensure, reading, spec } from '../check.ts';
import { expectRecords, expectResult, newestFirst } from '../expect.ts';
import { getMessage } from '../wire/requests.ts';

const GET = spec('Messages: Get');
const GET_READING = reading('Messages: Get');
const CLOSED_READING = reading('Messages: Query Closed');

/** An ID that no record has: its hash would have to be all zeros. */
function unknownId(last: number): Uint8Array {
  const id = new Uint8Array(48);
  id[47] = last;
  return id;
}

/** Checks of Get. */
export const getChecks: readonly Check[] = [
  check('get/id', GET, 'a record is got by its ID, and the Get closes with SUCCESS', async (t) => {
    const conversation = await t.connect();
    const record = t.record(t.user());
    await t.publish(conversation, record);
    const { records, result } = await conversation.get(record.id);
    expectRecords(records, [record], 'the Get');
    expectResult(result, 'SUCCESS', 'the Get');
  }),
  check(
    'get/several',
    GET_READING,
    'several IDs give their records newest first, in whatever order they are asked for',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(5, t.user());
      await t.publish(conversation, ...records);
      const asked = [3, 0, 4, 1].map((place) => records[place]!);
      const answer = await conversation.get(...asked.map(({ id }) => id));
      expectRecords(answer.records, newestFirst(asked), 'the Get');
    },
  ),
  check(
    'get/some-missing',
    CLOSED_READING,
    'references to nothing are left out, and the Get is a SUCCESS',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      await t.publish(conversation, record);
      const answer = await conversation.get(unknownId(1), record.id, unknownId(2));
      expectRecords(answer.records, [record], 'the Get');
      expectResult(answer.result, 'SUCCESS', 'the Get');
    },
  ),
  check('get/none', CLOSED_READING, 'a Get that finds nothing closes with NOT_FOUND', async (t) => {
    const conversation = await t.connect();
    const address = t.record(t.user()).address;
    for (const references of [[unknownId(1)], [unknownId(1), unknownId(2)], [address]]) {
      const { records, result } = await conversation.get(...references);
      expectRecords(records, [], 'the Get');
      expectResult(result, 'NOT_FOUND', 'the Get');
    }
  }),
  check('get/empty', CLOSED_READING, 'a Get of nothing closes with NOT_FOUND', async (t) => {
    const conversation = await t.connect();
    expectResult((await conversation.get()).result, 'NOT_FOUND', 'the Get');
  }),
  check(
    'get/repeated',
    GET_READING,
    'a reference that stands twice gives its record once',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      await t.publish(conversation, record);
      const byId = await conversation.get(record.id, record.id, record.id);
      expectRecords(byId.records, [record], 'the Get by ID');
      const byAddress = await conversation.get(record.address, record.address);
      expectRecords(byAddress.records, [record], 'the Get by address');
    },
  ),
  check(
    'get/address',
    GET_READING,
    'an address gives every record that has it, newest first',
    async (t) => {
      const conversation = await t.connect();
      const author = t.user();
      const nonce = Uint8Array.of(0x80, 1, 1, 1, 1, 1, 1, 1);
      const records = t.records(4, author, { nonce });
      const order = [2, 0, 3, 1].map((place) => records[place]!);
      await t.publish(conversation, ...order, t.record(author));
      const answer = await conversation.get(records[0]!.address);
      expectRecords(answer.records, newestFirst(records), 'the Get');
      expectResult(answer.result, 'SUCCESS', 'the Get');
    },
  ),
  check('get/mixed', GET, 'IDs and addresses may stand in one Get', async (t) => {
    const conversation = await t.connect();
    const records = t.records(3, t.user());
    await t.publish(conversation, ...records);
    const [one, two, three] = records;
    const answer = await conversation.get(two!.address, one!.id, three!.address);
    expectRecords(answer.records, newestFirst(records), 'the Get');
  }),
  check(
    'get/first-bit',
    spec('References: The first bit'),
    'an address is not taken for an ID, nor an ID for an address',
    async (t) => {
      const conversation = await t.connect();
      const record = t.record(t.user());
      await t.publish(conversation, record);
      const id = record.id.slice();
      id[0]! |= 0x80;
      const address = record.address.slice();
      address[0]! &= 0x7f;
      expectResult((await conversation.get(id, address)).result, 'NOT_FOUND', 'the Get');
    },
  ),
  check('get/whole-reference', GET, 'all 48 bytes of a reference count', async (t) => {
    const conversation = await t.connect();
    const record = t.record(t.user());
    await t.publish(conversation, record);
    const wrong = [7, 8, 31, 32, 40, 47].flatMap((at) =>
      [record.id, record.address].map((reference) => {
        const copy = reference.slice();
        copy[at]! ^= 1;
        return copy;
      }),
    );
    const { records, result } = await conversation.get(...wrong);
    expectRecords(records, [], 'the Get');
    expectResult(result, 'NOT_FOUND', 'the Get');
  }),
  check('get/hundred', GET, 'a Get of a hundred references is served', async (t) => {
    const conversation = await t.connect();
    const records = t.records(40, t.user());
    await t.publish(conversation, ...records);
    const missing = Array.from({ length: 60 }, (_, i) => unknownId(i + 1));
    const answer = await conversation.get(...missing, ...records.map(({ id }) => id));
    expectRecords(answer.records, newestFirst(records), 'the Get');
  }),
  check(
    'get/concurrent',
    spec('Messages: Asynchronous'),
    'Gets under way at the same time are told apart by their query ids',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(12, t.user());
      await t.publish(conversation, ...records);
      const exchanges = records.map(({ id }) => {
        const exchange = conversation.expect(conversation.newQueryId());
        conversation.send(getMessage(exchange.queryId, id));
        return exchange;
      });
      for (const [i, exchange] of exchanges.entries()) {
        expectResult(await conversation.closed(exchange), 'SUCCESS', 'a Get');
        expectRecords(exchange.records, [records[i]!], `Get ${i}`);
      }
    },
  ),
  check(
    'get/query-id-again',
    spec('Messages: Query Closed'),
    'a query id is free again once its request is closed',
    async (t) => {
      const conversation = await t.connect();
      const records = t.records(2, t.user());
      await t.publish(conversation, ...records);
      for (const record of records) {
        const exchange = conversation.expect(77);
        conversation.send(getMessage(77, record.id));
        expectResult(await conversation.closed(exchange), 'SUCCESS', 'the Get');
        expectRecords(exchange.records, [record], 'the Get');
      }
      ensure(conversation.unrecognized === 0, 'something was not recognized');
    },
  ),
];
