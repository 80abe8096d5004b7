// Writes the reference pages that come from tables in the code, so that they cannot drift apart.
//
//   node scripts/docs.mjs            writes docs/configuration.md and docs/limits.md
//   node scripts/docs.mjs --check    fails where a page is not what the tables say
//
// Runs from the build: `npm run docs` builds first.
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { GATEWAY_LIMIT_TABLE } from '../services/gateway/dist/limits.js';
import { settings } from '../services/standalone/dist/config.js';
import { renderSettingsMarkdown } from '../libs/runtime/dist/config-help.js';

const root = join(dirname(fileURLToPath(import.meta.url)), '..');

function configurationPage() {
  return `# Configuration

<!-- Made by npm run docs from services/standalone/src/config.ts. -->

Settings come from the environment, or from a file of \`NAME=value\` lines that \`MOSAIC_CONFIG_FILE\`
names; the environment wins. A wrong value, or a \`MOSAIC_\` name that is no setting, stops the start
with a sentence that names it. Durations are written like \`500ms\`, \`2s\`, \`15m\`; sizes like
\`64KiB\`, \`128MiB\`; switches as \`true\` or \`false\`,
\`on\` or \`off\`.

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
`;
}

function limitsPage() {
  const number = (value) => value.toLocaleString('en-US').replaceAll(',', ' ');
  const rows = Object.entries(GATEWAY_LIMIT_TABLE).map(
    ([name, { value, what, overflow }]) =>
      `| \`${name}\` | ${number(value)} | ${what} | ${overflow} |`,
  );
  return `# Limits

<!-- Made by npm run docs from services/gateway/src/limits.ts. -->

Every queue, map and buffer has a bound, and something definite happens at it.

## Gateway

| limit | by default | what is counted | beyond it |
|---|---:|---|---|
${rows.join('\n')}
`;
}

const pages = { 'docs/configuration.md': configurationPage(), 'docs/limits.md': limitsPage() };
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
