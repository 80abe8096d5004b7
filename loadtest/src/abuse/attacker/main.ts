/** The attacker's process: makes one attack when told to, until told to stop, and says how it went. */
import { setMaxListeners } from 'node:events';
import { nativeSigningTools } from '@mosaic-cluster/verifier';
import { parseServerAddress } from '../../generator/server-address.ts';
import { ATTACKS } from '../attacks/index.ts';
import type { AttackerReply, AttackerSetup } from './attacker-process.ts';
import { Tally } from './tally.ts';

/** If nobody says stop, for whatever reason. */
const LONGEST_MS = 600_000;

const setup = JSON.parse(process.argv[2] ?? '{}') as AttackerSetup;
const attack = ATTACKS.find(({ name }) => name === setup.attack);
if (attack === undefined) throw new Error(`there is no attack "${setup.attack}"`);

const tally = new Tally();
const stop = new AbortController();
const signal = AbortSignal.any([stop.signal, AbortSignal.timeout(LONGEST_MS)]);
// Every connection that is open hears of the end.
setMaxListeners(0, signal);
const tools = await nativeSigningTools();
const gateways = setup.urls.map((url) => {
  return { ...parseServerAddress(url), localAddress: setup.from };
});

process.on('message', (word) => {
  if (word === 'stop') stop.abort();
  if (word === 'start') void run();
});
// Whoever started this is gone.
process.on('disconnect', () => process.exit(0));
process.send?.({ name: 'ready' } satisfies AttackerReply);

async function run(): Promise<void> {
  const cpu = process.cpuUsage();
  const startMs = performance.now();
  await attack!.run({ gateways, tally, signal, tools });
  const { user, system } = process.cpuUsage(cpu);
  const elapsedMs = performance.now() - startMs;
  const figures = { ...tally.figures(), cpuMicros: user + system, elapsedMs };
  process.send?.({ name: 'done', figures } satisfies AttackerReply);
}
