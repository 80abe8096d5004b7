// What runs on a cluster while the fault test breaks it: publishers and subscribers on every
// gateway, through the SDK as anybody would use it, and a tally of what they were promised and got.
import { connect } from '../../libs/client/dist/index.js';
import { hexDecode, hexEncode } from '../../libs/protocol/dist/index.js';
import { AUTHORS, PRIVATE_KIND, PUBLIC_KINDS } from '../random-records.mjs';

/** Records that one publisher keeps under way. */
const LANES = 16;
/** A fault that takes longer than this to mend is a failure. */
const PATIENCE_MS = 120_000;
const GET_IDS = 500;
const LOOK_MS = 50;

const pause = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** Publishers and subscribers. */
export class FaultLoad {
  /** Records whose publication was acknowledged, by ID in hex. */
  acknowledged = new Map();
  /** What went wrong, a sentence each. */
  problems = [];
  #gateways;
  #make;
  #ratePerSecond;
  #clients = [];
  #subscribers = [];
  #lanes = [];
  #isPouring = false;

  /** @param gateways `{name, url, serverKey}` each, with the URL of the mTLS listener */
  constructor({ gateways, make, ratePerSecond }) {
    this.#gateways = gateways;
    this.#make = make;
    this.#ratePerSecond = ratePerSecond;
  }

  /** Connects a subscriber and a publisher to every gateway; resolves when all of them are live. */
  async start() {
    for (const gateway of this.#gateways) this.#subscribers.push(await this.#subscribe(gateway));
    await this.#until(
      () => this.#subscribers.every(({ isLive }) => isLive),
      'subscribers to be live',
    );
    this.#isPouring = true;
    for (const gateway of this.#gateways) {
      const client = await this.#connect(gateway);
      const gapMs = (1000 * LANES * this.#gateways.length) / this.#ratePerSecond;
      for (let lane = 0; lane < LANES; lane++) this.#lanes.push(this.#pour(client, gapMs));
    }
  }

  /** Interruptions that subscribers saw and got over. */
  get interruptions() {
    return this.#subscribers.reduce((sum, { interruptions }) => sum + interruptions, 0);
  }

  /** Lets publishers finish what they have begun and subscribers receive what is due. */
  async finish() {
    this.#isPouring = false;
    await Promise.all(this.#lanes);
    await this.#until(
      () => this.#subscribers.every((each) => this.#missing(each).length === 0),
      'subscribers to receive everything',
    ).catch(() => {});
    for (const subscriber of this.#subscribers) {
      const missing = this.#missing(subscriber);
      if (missing.length > 0) {
        this.problems.push(
          `${subscriber.name}: ${missing.length} records never came, as ${missing[0]}`,
        );
      }
      if (subscriber.repeated > 0) {
        this.problems.push(`${subscriber.name}: ${subscriber.repeated} records came twice`);
      }
    }
  }

  /** Reads every acknowledged record back through every gateway and compares the bytes. */
  async compare() {
    const lost = await this.lost([...this.acknowledged.keys()]);
    for (const [name, count] of lost) {
      if (count > 0) this.problems.push(`${count} acknowledged records are not served by ${name}`);
    }
  }

  /** How many of these records each gateway does not serve as they were, by its name. */
  async lost(ids) {
    const lost = new Map();
    for (const gateway of this.#gateways) {
      const client = await this.#connect(gateway);
      let count = 0;
      for (let at = 0; at < ids.length; at += GET_IDS) {
        const some = ids.slice(at, at + GET_IDS);
        const found = new Map();
        for await (const record of client.get(some.map((id) => hexDecode(id)))) {
          found.set(hexEncode(record.id), Buffer.from(record.bytes));
        }
        count += some.filter((id) => !found.get(id)?.equals(this.acknowledged.get(id))).length;
      }
      await client.close();
      lost.set(gateway.name, count);
    }
    return lost;
  }

  async close() {
    this.#isPouring = false;
    await Promise.allSettled(this.#clients.map((client) => client.close()));
  }

  /** As the author of the private records, and with the SDK's own patience. */
  async #connect({ name, url, serverKey }) {
    const deadline = performance.now() + PATIENCE_MS;
    for (;;) {
      try {
        const client = await connect({
          url,
          serverKey,
          clientSecretKey: AUTHORS[0],
          verify: false,
        });
        this.#clients.push(client);
        return client;
      } catch (error) {
        if (performance.now() > deadline)
          throw new Error(`${name}: ${error.message}`, { cause: error });
        await pause(LOOK_MS);
      }
    }
  }

  async #subscribe(gateway) {
    const client = await this.#connect(gateway);
    const subscriber = {
      name: `the subscriber on ${gateway.name}`,
      seen: new Set(),
      repeated: 0,
      interruptions: 0,
      isLive: false,
    };
    const filter = [{ name: 'kinds', kinds: [...PUBLIC_KINDS, PRIVATE_KIND] }];
    const read = async () => {
      for await (const event of client.subscribe(filter, { limit: 1 })) {
        if (event.name === 'record') this.#note(subscriber, hexEncode(event.record.id));
        if (event.name === 'interrupted') subscriber.interruptions += 1;
        if (event.name === 'locallyComplete') subscriber.isLive = true;
      }
    };
    read().catch((error) => {
      if (error.code !== 'closed') this.problems.push(`${subscriber.name} ended: ${error.message}`);
    });
    return subscriber;
  }

  #note(subscriber, id) {
    if (subscriber.seen.has(id)) subscriber.repeated += 1;
    subscriber.seen.add(id);
  }

  #missing({ seen }) {
    return [...this.acknowledged.keys()].filter((id) => !seen.has(id));
  }

  async #pour(client, gapMs) {
    while (this.#isPouring) {
      const bytes = this.#make();
      const startedAt = performance.now();
      try {
        await client.publish(bytes);
        this.acknowledged.set(hexEncode(bytes.subarray(0, 48)), Buffer.from(bytes));
      } catch (error) {
        this.problems.push(`a record could not be published: ${error.message}`);
        if (this.problems.length > 20) return;
      }
      await pause(Math.max(0, gapMs - (performance.now() - startedAt)));
    }
  }

  async #until(isSo, what) {
    const deadline = performance.now() + PATIENCE_MS;
    while (!isSo()) {
      if (performance.now() > deadline) throw new Error(`waited in vain for ${what}`);
      await pause(LOOK_MS);
    }
  }
}
