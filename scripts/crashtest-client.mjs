// The least that a client of the crash test needs: one connection that submits with many in flight
// and reads back by ID.
import { once } from 'node:events';
import { WebSocket } from 'ws';
import {
  encodeMessage,
  encodeSubmission,
  hexEncode,
  MESSAGE,
  readU16,
  RESULT,
  resultName,
} from '../libs/protocol/dist/index.js';

/** Time for one answer; a server that is slower than this hangs. */
const ANSWER_MS = 30_000;

export class CrashTestClient {
  #socket;
  #submissions = new Map();
  #gets = new Map();
  #queryId = 0;
  #isOpen = true;

  static async connect(url) {
    const socket = new WebSocket(url, 'mosaic2024', { perMessageDeflate: false });
    socket.binaryType = 'nodebuffer';
    // Heard from the start: a server that is killed may end a connection at any moment.
    const failed = new Promise((_, reject) => socket.on('error', reject));
    failed.catch(() => {});
    await Promise.race([once(socket, 'open'), failed]);
    return new CrashTestClient(socket);
  }

  constructor(socket) {
    this.#socket = socket;
    socket.on('message', (bytes) => this.#receive(bytes));
    socket.on('close', () => this.#end());
  }

  get isOpen() {
    return this.#isOpen;
  }

  /** Resolves with the result's name, or undefined where the connection ended before one came. */
  submit(record) {
    if (!this.#isOpen) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      this.#submissions.set(hexEncode(record.subarray(0, 32)), resolve);
      this.#socket.send(encodeSubmission(record));
    });
  }

  /** The records that IDs find, by ID in hex. */
  async get(ids) {
    const queryId = (this.#queryId = (this.#queryId + 1) & 0xffff);
    const answer = new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error('no answer to a Get')), ANSWER_MS);
      const records = new Map();
      const done = (error) => {
        clearTimeout(timer);
        this.#gets.delete(queryId);
        if (error === undefined) resolve(records);
        else reject(error);
      };
      this.#gets.set(queryId, { records, done });
    });
    this.#socket.send(encodeMessage({ name: 'get', queryId, references: ids }));
    return answer;
  }

  close() {
    this.#socket.terminate();
  }

  #receive(bytes) {
    switch (bytes[0]) {
      case MESSAGE.submissionResult: {
        const name = hexEncode(bytes.subarray(8, 40));
        this.#submissions.get(name)?.(resultName(bytes[4]));
        this.#submissions.delete(name);
        return;
      }
      case MESSAGE.record: {
        const record = new Uint8Array(bytes.subarray(8));
        this.#gets.get(readU16(bytes, 4))?.records.set(hexEncode(record.subarray(0, 48)), record);
        return;
      }
      case MESSAGE.queryClosed: {
        const isAnswer = bytes[6] === RESULT.SUCCESS || bytes[6] === RESULT.NOT_FOUND;
        const error = isAnswer ? undefined : new Error(`a Get ended ${resultName(bytes[6])}`);
        this.#gets.get(readU16(bytes, 4))?.done(error);
        return;
      }
      default:
    }
  }

  #end() {
    this.#isOpen = false;
    for (const resolve of this.#submissions.values()) resolve(undefined);
    this.#submissions.clear();
    for (const { done } of this.#gets.values()) done(new Error('the connection ended'));
  }
}
