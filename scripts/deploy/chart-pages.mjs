// Writes the chart's README and the schema of its values from values.yaml and from the tables of settings, so
// that none of them can drift from what the chart and the services know.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { leavesOf, readValuesTree } from './values-tree.mjs';

const CHART = 'charts/mosaic-cluster';

/**
 * The pages by path below `root`. `tables` has the settings of each service: gateway, outbox, inbox,
 * encryption.
 */
export function chartPages(root, tables) {
  const read = (path) => readFileSync(join(root, CHART, path), 'utf8');
  const tree = readValuesTree(read('values.yaml'));
  const taken = settingsInTemplate(read('templates/_env.tpl'));
  const schema = valuesSchema(tree, freeSettings(tables, taken));
  return {
    [`${CHART}/values.schema.json`]: `${JSON.stringify(schema, null, 2)}\n`,
    [`${CHART}/README.md`]: readme(tree, read('Chart.yaml')),
  };
}

/** Settings that the chart writes by itself, from other values. */
export function settingsInTemplate(text) {
  return new Set(
    text.match(/MOSAIC_[A-Z0-9_]*[A-Z0-9]/g).map((name) => name.replace(/_FILE$/, '')),
  );
}

/** The settings that are left for settings values: of every service, of gateways, of workers, of inboxes. */
function freeSettings(tables, taken) {
  const { gateway, ...workers } = tables;
  const namesOf = (table) => Object.values(table).map(({ name }) => name);
  const docs = new Map(
    Object.values(tables).flatMap((table) => Object.values(table).map((s) => [s.name, s])),
  );
  const select = (names) =>
    Object.fromEntries(
      [...new Set(names)]
        .filter((name) => !taken.has(name))
        .map((name) => [name, settingSchema(docs.get(name))]),
    );
  const ofAll = namesOf(workers.outbox).filter((name) =>
    Object.values(workers).every((table) => namesOf(table).includes(name)),
  );
  return {
    every: select(ofAll.filter((name) => namesOf(gateway).includes(name))),
    gateway: select(namesOf(gateway)),
    worker: select(ofAll),
    inbox: select(namesOf(workers.inbox)),
  };
}

function settingSchema({ doc, default: byDefault }) {
  const isSaid = byDefault !== undefined && byDefault !== '';
  return {
    description: isSaid ? `${doc} By default ${byDefault}.` : doc,
    type: ['string', 'number', 'boolean'],
  };
}

function valuesSchema(tree, settings) {
  const pods = tree.children.find(({ name }) => name === 'pods');
  const definitions = Object.fromEntries(
    Object.entries(settings).map(([name, properties]) => [
      `${name}Settings`,
      { type: 'object', additionalProperties: false, properties },
    ]),
  );
  const likePods = Object.fromEntries(pods.children.map((child) => [child.name, schemaOf(child)]));
  const root = schemaOf(tree, likePods);
  // Helm puts this one into the values of every chart.
  root.properties.global = { description: 'Not used.', type: 'object' };
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Values of mosaic-cluster',
    ...root,
    definitions,
  };
}

function schemaOf(node, likePods = {}) {
  if (node.children === undefined) return leafSchema(node);
  const inherited = node.hints.like === 'pods' ? likePods : {};
  const own = node.children.map((child) => [child.name, schemaOf(child, likePods)]);
  return {
    ...(node.about === undefined ? {} : { description: node.about }),
    type: 'object',
    additionalProperties: false,
    properties: { ...inherited, ...Object.fromEntries(own) },
  };
}

function leafSchema({ path, value, doc, hints }) {
  const { settings, open, ...rest } = hints;
  if (settings !== undefined) {
    return { description: doc, allOf: [{ $ref: `#/definitions/${settings}Settings` }] };
  }
  if (open === true) return { description: doc, type: 'object' };
  const isList = Array.isArray(value);
  const type = isList ? 'array' : typeof value === 'number' ? 'integer' : typeof value;
  if (type === 'object') {
    throw new Error(`${path} in values.yaml is a map: say {"open": true} or {"settings": …}.`);
  }
  if (rest.enum !== undefined) return { description: doc, ...rest };
  return { description: doc, type, ...(isList ? { items: { type: 'string' } } : {}), ...rest };
}

function readme(tree, chart) {
  const said = (name) => new RegExp(`^${name}: (.*)$`, 'm').exec(chart)[1].replaceAll('"', '');
  const rows = leavesOf(tree).map(
    ({ path, value, doc }) =>
      `| \`${path}\` | \`${JSON.stringify(value).replaceAll('|', '\\|')}\` | ${doc.replaceAll('|', '\\|')} |`,
  );
  return `# mosaic-cluster

<!-- Made by npm run docs from values.yaml. -->

${said('description')}. Version ${said('version')}; Kubernetes ${said('kubeVersion').replace('-0', '')}.

\`\`\`sh
helm install mosaic charts/mosaic-cluster --namespace mosaic --create-namespace \\
  --set image.repository=registry.example/mosaic-cluster --set serverKey.generate=true \\
  --set 'nats.urls={nats://nats:4222}' --set 'redis.urls={redis://redis:6379}' \\
  --set s3.bucket=mosaic --set s3.auth.existingSecret=mosaic-s3
\`\`\`

[docs/kubernetes.md](../../docs/kubernetes.md) goes through an installation step by step;
[docs/configuration.md](../../docs/configuration.md) explains the settings that go below \`settings\`.

To try it without NATS and Redis of your own, leave out both addresses and say \`--set trial.enabled=true\`. What the
two keep is gone with their pods, which costs an index that is made anew, and no record. For good, install NATS
with the chart of its makers (\`nats-io/nats\`, with \`config.merge.max_payload: 2MB\`) and Valkey or Redis with one
of theirs, or use managed ones; Redis with \`maxmemory-policy noeviction\`.

Everything below \`pods\` can also be said of one service, below \`gateway\` or \`workers.<role>\`, and holds there
instead.

## Values

| value | by default | what it is |
|---|---|---|
${rows.join('\n')}
`;
}
