/**
 * Protects what operators rely on when servers freeze, restart or leave: calls are repeated or
 * fail in time, records that may have been missed are announced, bounds hold.
 */
import { RESULT, type Timestamp } from '@mosaic-cluster/protocol';
import { type NatsServer, startNats, startNatsCluster } from '@mosaic-cluster/test-servers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { fakeRole, Heard, liveRecord, until } from './contract-fixture.ts';
import type { NatsBus } from './bus-nats.ts';
import type { Submission } from './contract.ts';
import { fakeKey, fakeRecord } from '@mosaic-cluster/protocol/testing';
import { Buses, CONFIG } from './testing/nats-buses.ts';

const QUICK = {
  beatIntervalMs: 50,
  silenceMs: 250,
  gapMarginMs: 0,
  requestTimeoutMs: 2_000,
  pingIntervalMs: 200,
  retryPauseMs: 50,
};
const SUBMISSION: Submission = { record: fakeRecord(), submitter: undefined };

let buses: Buses;
let servers: NatsServer[];
beforeEach(() => {
  buses = new Buses();
  servers = [];
});
afterEach(async () => {
  await buses.close();
  await Promise.all(servers.map((server) => server.stop()));
});

async function one(): Promise<NatsServer> {
  const server = await startNats({ config: CONFIG });
  servers.push(server);
  return server;
}

async function two(): Promise<[NatsServer, NatsServer]> {
  servers = await startNatsCluster(2, { config: CONFIG });
  return servers as [NatsServer, NatsServer];
}

/** Calls again and again until it is told to stop; results by how often they came. */
function keepSubmitting(gateway: NatsBus): {
  readonly counts: Map<string, number>;
  stop(): Promise<void>;
} {
  const counts = new Map<string, number>();
  const load = { isRunning: true };
  const role = gateway.role('outbox');
  const lanes = Array.from({ length: 8 }, async () => {
    while (load.isRunning) {
      const outcome = await role.submit([SUBMISSION]).then(
        ([result]) => `result ${result}`,
        (error: { code: string }) => error.code,
      );
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
    }
  });
  return {
    counts,
    stop: async () => {
      load.isRunning = false;
      await Promise.all(lanes);
    },
  };
}

function accepted(counts: ReadonlyMap<string, number>): number {
  return counts.get(`result ${RESULT.ACCEPTED}`) ?? 0;
}

describe('calls', () => {
  it('survive workers that leave and come, all of them', async () => {
    const both = await two();
    const gateway = await buses.connect([both[0]], { limits: QUICK });
    const workers = [await buses.connect([both[0]]), await buses.connect([both[1]])];
    for (const worker of workers) worker.serve('outbox', fakeRole());
    const load = keepSubmitting(gateway);
    await until(
      () => accepted(load.counts),
      (count) => count > 100,
    );
    for (const server of [...both, ...both]) {
      const worker = await buses.connect([server]);
      worker.serve('outbox', fakeRole());
      workers.push(worker);
      await workers.shift()!.close();
      const before = accepted(load.counts);
      await until(
        () => accepted(load.counts),
        (count) => count > before + 100,
      );
    }
    await load.stop();
    expect([...load.counts.keys()]).toEqual([`result ${RESULT.ACCEPTED}`]);
  });

  it('survive the restart of the only server', async () => {
    const server = await one();
    const gateway = await buses.connect([server]);
    const worker = await buses.connect([server]);
    worker.serve('outbox', fakeRole());
    const load = keepSubmitting(gateway);
    await until(
      () => accepted(load.counts),
      (count) => count > 100,
    );
    await server.kill();
    await until(
      () => gateway.isConnected,
      (isConnected) => !isConnected,
    );
    await server.restart();
    await until(() => gateway.isConnected && worker.isConnected, Boolean);
    const before = accepted(load.counts);
    await until(
      () => accepted(load.counts),
      (count) => count > before + 100,
    );
    await load.stop();
    expect([...load.counts.keys()]).toEqual([`result ${RESULT.ACCEPTED}`]);
    expect(gateway.counters).toMatchObject({ disconnects: 1, reconnects: 1 });
  });

  it('move to another server when theirs goes into lame duck mode', async () => {
    const both = await two();
    const gateway = await buses.connect([both[0]]);
    const worker = await buses.connect([both[0]]);
    worker.serve('outbox', fakeRole());
    const load = keepSubmitting(gateway);
    await until(
      () => accepted(load.counts),
      (count) => count > 100,
    );
    both[0].lameDuck();
    await until(
      () => gateway.counters.reconnects + worker.counters.reconnects,
      (count) => count >= 2,
    );
    const before = accepted(load.counts);
    await until(
      () => accepted(load.counts),
      (count) => count > before + 100,
    );
    await load.stop();
    expect([...load.counts.keys()]).toEqual([`result ${RESULT.ACCEPTED}`]);
  });

  it('fail in time on a frozen server, and work again when it thaws', async () => {
    const server = await one();
    const limits = { ...QUICK, requestTimeoutMs: 300, pingIntervalMs: 60_000 };
    const gateway = await buses.connect([server], { limits });
    const worker = await buses.connect([server]);
    worker.serve('outbox', fakeRole());
    await gateway.role('outbox').submit([SUBMISSION]);
    server.pause();
    await expect(gateway.role('outbox').submit([SUBMISSION])).rejects.toMatchObject({
      kind: 'unavailable',
      code: 'bus-timeout',
    });
    await expect(gateway.ping(100)).rejects.toMatchObject({ kind: 'unavailable' });
    server.resume();
    await gateway.ping(5_000);
    expect(await gateway.role('outbox').submit([SUBMISSION])).toEqual([RESULT.ACCEPTED]);
  });

  it('leave a frozen server for another', async () => {
    const both = await two();
    const gateway = await buses.connect([both[0]], {
      limits: { ...QUICK, requestTimeoutMs: 8_000 },
    });
    const worker = await buses.connect([both[1]]);
    worker.serve('outbox', fakeRole());
    await gateway.role('outbox').submit([SUBMISSION]);
    both[0].pause();
    expect(await gateway.role('outbox').submit([SUBMISSION])).toEqual([RESULT.ACCEPTED]);
    expect(gateway.counters.reconnects).toBe(1);
  });

  it('are bounded in number and in bytes', async () => {
    const server = await one();
    const limits = { ...QUICK, requestsMax: 2, requestBytesMax: 2_000 };
    const gateway = await buses.connect([server], { limits });
    const worker = await buses.connect([server]);
    let finish = (): void => {};
    const slow = new Promise<void>((resolve) => {
      finish = resolve;
    });
    worker.serve(
      'outbox',
      fakeRole({
        identities: async (key) => {
          await slow;
          return [key];
        },
      }),
    );
    const role = gateway.role('outbox');
    const first = role.identities(fakeKey(1));
    const large = { record: fakeRecord({ payloadBytes: 3_000 }), submitter: undefined };
    await expect(role.submit([large])).rejects.toMatchObject({ kind: 'limited', code: 'bus-full' });
    const second = role.identities(fakeKey(2));
    await expect(role.identities(fakeKey(3))).rejects.toMatchObject({ code: 'bus-full' });
    finish();
    expect(await Promise.all([first, second])).toHaveLength(2);
    expect(await role.submit([large])).toEqual([RESULT.ACCEPTED]);
    expect(gateway.counters.requestsRefused).toBe(2);
  });

  it('are refused by a worker with too much to do', async () => {
    const server = await one();
    const gateway = await buses.connect([server]);
    const worker = await buses.connect([server], { limits: { servedMax: 1 } });
    let finish = (): void => {};
    const started = new Promise<void>((resolve) => {
      worker.serve(
        'outbox',
        fakeRole({
          submit: async () => {
            resolve();
            await new Promise<void>((done) => {
              finish = done;
            });
            return [RESULT.ACCEPTED];
          },
        }),
      );
    });
    const first = gateway.role('outbox').submit([SUBMISSION]);
    await started;
    await expect(gateway.role('outbox').identities(fakeKey(1))).rejects.toMatchObject({
      kind: 'limited',
      code: 'role-busy',
    });
    finish();
    expect(await first).toEqual([RESULT.ACCEPTED]);
  });
});

describe('live records that may have been missed', () => {
  const now = (): Timestamp => BigInt(Date.now()) * 1_000_000n;

  async function listening(gateway: NatsBus): Promise<Heard> {
    const heard = new Heard();
    await gateway.listen(heard.handler, heard.onGap).add({ author: fakeKey(1) });
    return heard;
  }

  it('are announced after the own connection broke', async () => {
    const both = await two();
    const worker = await buses.connect([both[0]], { limits: QUICK });
    const gateway = await buses.connect([both[1]], { limits: QUICK });
    worker.publish([liveRecord(fakeRecord({ serial: 1 }))]);
    const heard = await listening(gateway);
    const before = now();
    await both[1].kill();
    await until(
      () => gateway.counters.reconnects,
      (count) => count === 1,
    );
    await until(
      () => heard.gaps.length,
      (count) => count > 0,
    );
    // Leap seconds put Mosaic's clock ahead of Unix time.
    const [since = 0n] = heard.gaps;
    expect(since / 1_000_000_000n).toBeLessThanOrEqual(before / 1_000_000_000n + 29n);
    worker.publish([liveRecord(fakeRecord({ serial: 2 }))]);
    await until(
      () => heard.serialsOf(),
      (serials) => serials.includes(2),
    );
  });

  it('are announced when the publisher lost its server, be it one batch only', async () => {
    const both = await two();
    const worker = await buses.connect([both[0]], { limits: { ...QUICK, pingIntervalMs: 60_000 } });
    const gateway = await buses.connect([both[1]], {
      limits: { ...QUICK, silenceMs: 600_000 },
    });
    worker.serve('outbox', fakeRole());
    const heard = await listening(gateway);
    worker.publish([liveRecord(fakeRecord({ serial: 1 }))]);
    await until(
      () => heard.serialsOf(),
      (serials) => serials.includes(1),
    );
    // The publisher's server hears nothing of its clients while it is frozen and then dies.
    both[0].pause();
    worker.publish([liveRecord(fakeRecord({ serial: 2 }))]);
    await both[0].kill();
    await until(
      () => heard.gaps.length,
      (count) => count > 0,
    );
    expect(heard.serialsOf()).toEqual([1]);
    expect(worker.counters).toMatchObject({ disconnects: 1, reconnects: 1, liveDropped: 0 });
    expect(gateway.counters.disconnects).toBe(0);
  });

  it('are announced when they could not be published', async () => {
    const both = await two();
    const worker: NatsBus = await buses.connect([both[0]], {
      limits: QUICK,
      notice: (sentence) => {
        // Said before another server is tried.
        if (sentence.startsWith('lost')) worker.publish([liveRecord(fakeRecord({ serial: 2 }))]);
      },
    });
    const gateway = await buses.connect([both[1]], { limits: { ...QUICK, silenceMs: 600_000 } });
    worker.serve('outbox', fakeRole());
    const heard = await listening(gateway);
    worker.publish([liveRecord(fakeRecord({ serial: 1 }))]);
    await until(
      () => heard.serialsOf(),
      (serials) => serials.includes(1),
    );
    await both[0].kill();
    await until(
      () => heard.gaps.length,
      (count) => count > 0,
    );
    expect(heard.serialsOf()).toEqual([1]);
    expect(worker.counters.liveDropped).toBe(1);
  });

  it('are announced when a publisher falls silent, but not when it says farewell', async () => {
    const server = await one();
    const gateway = await buses.connect([server], { limits: QUICK });
    const leaving = await buses.connect([server], { limits: QUICK });
    const dying = await buses.connect([server], { limits: { ...QUICK, beatIntervalMs: 600_000 } });
    leaving.publish([liveRecord(fakeRecord({ serial: 1 }))]);
    const heard = await listening(gateway);
    await leaving.close();
    leaving.publish([liveRecord(fakeRecord({ serial: 2 }))]);
    dying.publish([liveRecord(fakeRecord({ serial: 3 }))]);
    await until(
      () => heard.serialsOf(),
      (serials) => serials.includes(3),
    );
    await until(
      () => heard.gaps.length,
      (count) => count > 0,
    );
    expect(heard.gaps).toHaveLength(1);
  });

  it('that are too large for all their readers are announced to those', async () => {
    const server = await one();
    const gateway = await buses.connect([server], { limits: QUICK });
    const worker = await buses.connect([server], {
      limits: { ...QUICK, readerCopyBytesMax: 5_000 },
    });
    const heard = new Heard();
    await gateway.listen(heard.handler, heard.onGap).add({ reader: fakeKey(9) });
    const record = fakeRecord({ payloadBytes: 1_000 });
    const readers = Array.from({ length: 10 }, (_, number) => fakeKey(number));
    worker.publish([
      liveRecord(record, { role: 'encryption', receivedAt: 5n, readers: readers.slice(0, 9) }),
    ]);
    worker.publish([liveRecord(record, { role: 'encryption', receivedAt: 6n, readers })]);
    await until(
      () => heard.gaps.length,
      (count) => count > 0,
    );
    expect(heard.gaps).toEqual([6n]);
    expect(heard.records).toEqual([]);
  });
});
