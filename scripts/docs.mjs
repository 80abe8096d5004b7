// Writes the reference pages that come from tables in the code, so that they cannot drift apart.
//
//   node scripts/docs.mjs            writes docs/configuration.md, docs/limits.md, docs/metrics.md
//                                  and the chart's README.md, values.schema.json and dashboards
//   node scripts/docs.mjs --check    fails where a page is not what the tables say
//
// Runs from the build: `npm run docs` builds first.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { LIMITER_LIMIT_TABLE } from '../libs/abuse/dist/limiter-limits.js';
import { renderBudgetsMarkdown } from '../libs/abuse/dist/budget-table.js';
import { renderOffencesMarkdown } from '../libs/abuse/dist/offence-points.js';
import { BUS_LIMIT_WORDS } from '../libs/bus/dist/bus-limit-table.js';
import { BUS_LIMITS } from '../libs/bus/dist/bus-limits.js';
import { COMMIT_LIMIT_TABLE } from '../libs/role/dist/commit-limits.js';
import { FILE_LOG_LIMIT_TABLE, OBJECT_LOG_LIMIT_TABLE } from '../libs/store/dist/store-limits.js';
import { COMPACTION_LIMIT_TABLE } from '../libs/store/dist/joins/compaction-limits.js';
import { LISTENER_LIMIT_TABLE } from '../services/gateway/dist/listener/listener-limits.js';
import { GATEWAY_LIMIT_TABLE } from '../services/gateway/dist/limits.js';
import { settings } from '../services/standalone/dist/config.js';
import { settings as gatewaySettings } from '../services/gateway/dist/config.js';
import { settings as outboxSettings } from '../services/outbox/dist/config.js';
import { settings as inboxSettings } from '../services/inbox/dist/config.js';
import { settings as encryptionSettings } from '../services/encryption/dist/config.js';
import { renderSettingsMarkdown } from '../libs/runtime/dist/config-help.js';
import { TRACE_LIMIT_TABLE } from '../libs/runtime/dist/tracing/trace-limits.js';
import { chartPages } from './deploy/chart-pages.mjs';
import { dashboardPages } from './dashboards/pages.mjs';
import { metricsPage } from './metrics-page.mjs';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function configurationPage() {
  return `# Configuration

<!-- Made by npm run docs from services/*/src/config.ts. -->

Settings come from the environment, or from a file of \`NAME=value\` lines that \`MOSAIC_CONFIG_FILE\`
names; the environment wins. A wrong value, or a \`MOSAIC_\` name that is no setting, stops the start
with a sentence that names it. Durations are written like \`500ms\`, \`2s\`, \`15m\`; sizes like
\`64KiB\`, \`128MiB\`; switches as \`true\` or \`false\`,
\`on\` or \`off\`. Secrets and certificates can also stand in a file that a variable names which ends
in \`_FILE\`.

## The embedded server

${renderSettingsMarkdown(settings)}
## Started by a program

With \`MOSAIC_LOG=json\`, or when stdout is no terminal, the server writes one line to stdout as soon
as it serves; log lines are JSON as well, and only this one has \`event\`:

\`\`\`json
{"event":"ready","mtlsUrl":"wss://127.0.0.1:8443/","uwsUrl":"wss://127.0.0.1:8444/","serverKeyHex":"…"}
\`\`\`

A listener that is off has \`null\` in place of its URL. SIGTERM ends the server: clients are told
SHUTTING_DOWN over \`MOSAIC_DRAIN_TIME\`, what was accepted is stored, and it exits with 0.

${clusterSections()}`;
}

const WORKERS = { outbox: outboxSettings, inbox: inboxSettings, encryption: encryptionSettings };

/** What the services of a cluster have in common is written once. */
function clusterSections() {
  const tables = Object.values(WORKERS);
  const isIn = (table, { name, doc }) =>
    Object.values(table).some((other) => other.name === name && other.doc === doc);
  const those = (table, isWanted) =>
    renderSettingsMarkdown(
      Object.fromEntries(Object.entries(table).filter(([, setting]) => isWanted(setting))),
    );
  const ofAll = (setting) => tables.every((table) => isIn(table, setting));
  const own = Object.entries(WORKERS)
    .map(([name, table]) => [name, those(table, (setting) => !ofAll(setting))])
    .filter(([, rows]) => rows.split('\n').length > 3)
    .map(([name, rows]) => `### The ${name} alone\n\n${rows}`);
  return `## The services of a cluster

\`npm run -s service -- gateway\` starts a gateway, and \`outbox\`, \`inbox\`, \`encryption\` a worker of that
role. Every one of them serves its health port first and then waits for what it depends on, which
\`/readyz\` names. It writes the ready line too, with \`service\`, \`version\`, \`pid\` and \`health\`. SIGTERM
ends it: a gateway as above, a worker once everything that it took is stored and answered.

### Every service

${those(gatewaySettings, ofAll)}
### Gateways

${those(gatewaySettings, (setting) => !ofAll(setting))}
### Workers

${those(outboxSettings, (setting) => ofAll(setting) && !isIn(gatewaySettings, setting))}
${own.join('\n')}`;
}

/** A table with a row for each bound, from `{ name: { value, what, overflow } }`. */
function limitsTable(limits) {
  const number = (value) => value.toLocaleString('en-US').replaceAll(',', ' ');
  const rows = Object.entries(limits).map(
    ([name, { value, what, overflow }]) =>
      `| \`${name}\` | ${number(value)} | ${what} | ${overflow} |`,
  );
  return `| limit | by default | what is counted | beyond it |
|---|---:|---|---|
${rows.join('\n')}
`;
}

function limitsPage() {
  const busLimits = Object.fromEntries(
    Object.entries(BUS_LIMIT_WORDS).map(([name, words]) => [
      name,
      { value: BUS_LIMITS[name], ...words },
    ]),
  );
  return `# Limits

<!-- Made by npm run docs from the tables in the code that each section names. -->

Every queue, map and buffer has a bound, and something definite happens at it.

## Listeners

Of each listener, where nothing else is said (\`services/gateway/src/listener/listener-limits.ts\`).
Settings change \`connectionsMax\` and \`idleTimeoutMs\`, see [configuration](configuration.md). What
uWebSockets.js cannot do is said where it matters; the reasons are in decisions
[12](decisions/0012-crowds-at-the-door.md) and [25](decisions/0025-the-front-door.md).

${limitsTable(LISTENER_LIMIT_TABLE)}
## Gateway

Of a gateway's engine, be it a process or a part of the embedded server
(\`services/gateway/src/limits.ts\`).

${limitsTable(GATEWAY_LIMIT_TABLE)}
## Limiter

Of the budgets, penalties and bans that a process keeps (\`libs/abuse/src/limiter-limits.ts\`).

${limitsTable(LIMITER_LIMIT_TABLE)}
## Budgets

What each address, network, key and author may do, by how well they are known, and how much they may have open
(\`libs/abuse/src/budget-table.ts\`). [Abuse control](abuse.md) says how that works and how to change it. Over
a budget: TOO_FAST.

${renderBudgetsMarkdown()}
## Penalties

What earns points that lead to a ban (\`libs/abuse/src/offence-points.ts\`).

${renderOffencesMarkdown()}
## Bus

Of a process on the NATS bus (\`libs/bus/src/bus-limits.ts\`); the times are explained in
[bus](bus.md). The embedded server's bus is function calls and needs none.

${limitsTable(busLimits)}
## Group commit

Of each role in a process (\`libs/role/src/commit-limits.ts\`).

${limitsTable(COMMIT_LIMIT_TABLE)}
## Segment log on files

Of each role of the embedded server (\`libs/store/src/store-limits.ts\`). Settings change
\`segmentBytesMax\`, \`cacheBytesMax\` and \`freeBytesMin\`.

${limitsTable(FILE_LOG_LIMIT_TABLE)}
## Segment log on an object store

Of each role that a worker of a cluster has open (\`libs/store/src/store-limits.ts\`).

${limitsTable(OBJECT_LOG_LIMIT_TABLE)}
## Compaction

Of \`mosaic-admin compact\` (\`libs/store/src/joins/compaction-limits.ts\`); see [admin](admin.md#compact).

${limitsTable(COMPACTION_LIMIT_TABLE)}
## Traces and slow requests

Of every process (\`libs/runtime/src/tracing/trace-limits.ts\`); see [tracing](tracing.md).

${limitsTable(TRACE_LIMIT_TABLE)}`;
}

const pages = {
  'docs/configuration.md': configurationPage(),
  'docs/limits.md': limitsPage(),
  'docs/metrics.md': metricsPage(),
  ...dashboardPages(),
  ...chartPages(root, { gateway: gatewaySettings, ...WORKERS }),
};
const isCheck = process.argv.includes('--check');
for (const [path, text] of Object.entries(pages)) {
  if (!isCheck) {
    writeFileSync(join(root, path), text);
    console.log(`wrote ${path}`);
    continue;
  }
  let current = '';
  try {
    current = readFileSync(join(root, path), 'utf8');
  } catch {
    // A missing page differs like any other.
  }
  if (current === text) continue;
  console.log(`${path} is not what the code says: npm run docs`);
  process.exitCode = 1;
}
