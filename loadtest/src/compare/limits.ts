/**
 * `limits`: what budgets, penalties and bans cost those who keep within them. The embedded server runs
 * with limits off, once more like that to see what chance alone makes of it, and with limits on that
 * nobody reaches; then with limits off, but with accept rules and a quota, and with a policy hook that
 * accepts everything, whose own processor time is not counted.
 */
import type { Options } from '../options.ts';
import { alignRows, formatNumber } from '../report/table.ts';
import type { Output } from '../run-output.ts';
import { Session } from '../session.ts';
import { type Comparison, compareScenario } from './compare.ts';
import { closeSystems, type System } from './system.ts';

/** Processor time that an honest submission may take more with limits on. */
const MORE_MICROS_MAX = 5;

/** Every message is counted as ever, but nothing is refused. */
const PLENTY = [
  ...['connects', 'messages', 'submissions', 'query'].map((name) => `${name}.*.*=100M/s:100M`),
  'bytes.*.*=100GiB/s:100GiB',
  ...['connections', 'subscriptions'].map((name) => `${name}.*.*=1M`),
].join(',');

/** Everything is asked, and nothing is refused. */
const RULES = 'kinds=!4294967295 bytes=1MiB tags=2000 age=36500d ahead=1d quota=1TiB';

/** A policy hook in a word, for arguments have no blanks. */
const HOOK_PROGRAM =
  'require("readline").createInterface(process.stdin).on("line",(l)=>' +
  'process.stdout.write(JSON.stringify({id:JSON.parse(l).id,action:"accept"})+"\\n"))';

const CASES = [
  { name: 'limits off', settings: { MOSAIC_LIMITS: 'off' } },
  { name: 'off, once more', settings: { MOSAIC_LIMITS: 'off' } },
  { name: 'limits on', settings: { MOSAIC_LIMITS: 'on', MOSAIC_BUDGETS: PLENTY } },
  { name: 'off, accept rules', settings: { MOSAIC_LIMITS: 'off', MOSAIC_ACCEPT: RULES } },
  {
    name: 'off, policy hook',
    settings: {
      MOSAIC_LIMITS: 'off',
      MOSAIC_POLICY_HOOK: `${process.execPath} -e ${HOOK_PROGRAM}`,
      MOSAIC_POLICY_HOOK_TIMEOUT: '15s',
    },
  },
] as const;

/** Runs the scenarios on all cases in turns. @throws LoadError where a server does not start or fails */
export async function compareLimits(options: Options, output: Output): Promise<Comparison[]> {
  const systems: System[] = [];
  const say = (line: string): void => output.say(line);
  try {
    for (const { name, settings } of CASES) {
      say(`starting the embedded server, ${name}`);
      const session = await Session.open({ options, settings, say });
      systems.push({ name, session, groups: [], close: () => session.close() });
    }
    const comparisons: Comparison[] = [];
    for (const scenario of options.scenarios) {
      comparisons.push(await compareScenario(scenario, systems, options.runs, output));
    }
    return comparisons;
  } finally {
    await closeSystems(systems);
  }
}

/** Lines of the report. */
export function renderLimits(comparisons: readonly Comparison[]): string[] {
  return comparisons.flatMap((comparison) => {
    const { scenario, systems } = comparison;
    const microsOf = (at: number): number => systems[at]!.figures.cpuMicrosEach ?? Number.NaN;
    const off = microsOf(0);
    const rows = systems.map(({ system, figures }, at) => [
      system,
      formatNumber(figures.perSecond),
      formatNumber(figures.p50Ms),
      formatNumber(figures.cpuMicrosEach),
      formatNumber(microsOf(at) / off),
      formatNumber(microsOf(at) - off),
    ]);
    const head = ['', 'per second', 'p50 ms', 'CPU µs each', '× off', 'µs more'];
    const lines = [`${scenario.title}, per ${scenario.unit}`, ...alignRows([head, ...rows], [0])];
    if (scenario.unit !== 'record') return [...lines, ''];
    const more = microsOf(2) - off;
    const verdict = more <= MORE_MICROS_MAX ? 'reached' : 'MISSED';
    return [
      ...lines,
      `aim: ≤ ${MORE_MICROS_MAX} µs more with limits on: ${verdict}; ` +
        `chance alone made ${formatNumber(Math.abs(microsOf(1) - off))} µs`,
      '',
    ];
  });
}
