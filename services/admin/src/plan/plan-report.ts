/** Says what a load takes: for people, or as one JSON object. */
import { size } from '../output/progress.ts';
import { type Load, type Plan, PLANNED_ROLES, type Processes } from './plan.ts';

/** As one line of JSON: the load as it was understood, and the plan. */
export function planJson(load: Load, plan: Plan): string {
  return `${JSON.stringify({ type: 'plan', load, plan })}\n`;
}

/** For people. */
export function planText(load: Load, plan: Plan): string {
  const { redis, nats, objects, cost } = plan;
  const sum = cost.storage + cost.puts + cost.gets;
  const lines = [
    `${rounded(plan.recordsHeld)} records after ${rounded(load.days)} days; at the peak ` +
      `${rounded(load.recordsPerSecond * load.peak)} records and ` +
      `${rounded(load.queriesPerSecond * load.peak)} queries a second`,
    '',
    `gateways      ${pods(plan.gateways)}`,
    ...PLANNED_ROLES.map((role) => `${role.padEnd(14)}${pods(plan.workers[role])}`),
    `Redis         ${size(Math.round(redis.bytes))} of data: maxmemory ` +
      `${size(Math.round(redis.maxmemoryBytes))} over ${pods(redis)}`,
    `NATS          ${size(Math.round(nats.bytesInPerSecond))}/s in, ` +
      `${size(Math.round(nats.bytesOutPerSecond))}/s out at the peak, ${nats.cores.toFixed(2)} cores`,
    `object store  ${size(Math.round(objects.bytesHeld))} in ${rounded(objects.segmentsHeld)} ` +
      `segments of ${rounded(objects.recordsPerSegment)} records`,
    `  requests    ${rounded(objects.putsPerMonth)} PUT and ${rounded(objects.getsPerMonth)} GET a month`,
    `  cost        ${money(sum)} a month at the end: storage ${money(cost.storage)}, ` +
      `PUT ${money(cost.puts)}, GET ${money(cost.gets)}`,
    `  once over   ${rounded(objects.getsPerScan)} GET, ${money(cost.scan)}: verify, or all indexes anew`,
    `rebuild       ${rounded(plan.rebuildCoreHours)} core hours of workers for all indexes`,
  ];
  return `${lines.join('\n')}\n`;
}

function pods({ count, cores }: Processes): string {
  return `${count.toLocaleString('en-US')}, ${cores.toFixed(2)} cores busy at the peak`;
}

/** Three digits are more than a plan knows. */
function rounded(number: number): string {
  return number.toLocaleString('en-US', { maximumSignificantDigits: 3 });
}

function money(amount: number): string {
  return amount.toLocaleString('en-US', { minimumFractionDigits: 2, maximumFractionDigits: 2 });
}
