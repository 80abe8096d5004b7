// k8s/base is what the chart makes of the least values, without what only Helm needs. Written by
// `node scripts/check-deploy.mjs --write`, held against the chart by every check.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { renderChart, renderFolder, YAML } from './render.mjs';

const FOLDER = join('k8s', 'base');
/** What each folder equals: the values files that it stands for. */
const SAME = {
  [FOLDER]: ['base.yaml'],
  [join('k8s', 'overlays', 'small')]: ['base.yaml', 'small.yaml'],
  [join('k8s', 'overlays', 'large')]: ['base.yaml', 'large.yaml'],
};

/** Writes k8s/base, a file for each component. */
export async function writeBase(helm, root) {
  const files = baseFiles(await renderChart(helm, root, SAME[FOLDER]));
  mkdirSync(join(root, FOLDER), { recursive: true });
  for (const file of readdirSync(join(root, FOLDER))) rmSync(join(root, FOLDER, file));
  for (const [name, text] of Object.entries(files)) writeFileSync(join(root, FOLDER, name), text);
}

/** What is wrong with k8s/, in sentences. */
export async function kustomizeProblems({ helm, kustomize }, root) {
  const files = baseFiles(await renderChart(helm, root, SAME[FOLDER]));
  const there = readdirSync(join(root, FOLDER));
  const isStale =
    there.length !== Object.keys(files).length ||
    there.some((name) => readFileSync(join(root, FOLDER, name), 'utf8') !== files[name]);
  const problems = isStale
    ? ['k8s/base is not what the chart makes: node scripts/check-deploy.mjs --write']
    : [];
  for (const [folder, values] of Object.entries(SAME)) {
    const ofChart = byName((await renderChart(helm, root, values)).map(withoutHelm));
    const ofFolder = byName(await renderFolder(kustomize, root, folder));
    problems.push(...differences(ofChart, ofFolder).map((text) => `${folder}: ${text}`));
  }
  return problems;
}

function baseFiles(objects) {
  const components = groupBy(objects, componentOf);
  const files = Object.fromEntries(
    [...components].map(([component, of]) => [`${component}.yaml`, yamlOf(of.map(withoutHelm))]),
  );
  const kustomization = {
    apiVersion: 'kustomize.config.k8s.io/v1beta1',
    kind: 'Kustomization',
    namespace: 'mosaic',
    resources: Object.keys(files).sort(),
  };
  return { ...files, 'kustomization.yaml': yamlOf([kustomization]) };
}

function groupBy(items, keyOf) {
  const groups = new Map();
  for (const item of items) groups.set(keyOf(item), [...(groups.get(keyOf(item)) ?? []), item]);
  return groups;
}

const componentOf = (object) => object.metadata.labels['app.kubernetes.io/component'];

function yamlOf(objects) {
  const texts = objects.map((object) => stringify(object, YAML));
  return `# Made from the chart by node scripts/check-deploy.mjs --write.\n${texts.join('---\n')}`;
}

function withoutHelm(object) {
  const copy = structuredClone(object);
  delete copy.metadata.labels['helm.sh/chart'];
  delete copy.metadata.labels['app.kubernetes.io/managed-by'];
  return copy;
}

function byName(objects) {
  return new Map(objects.map((object) => [`${object.kind} ${object.metadata.name}`, object]));
}

function differences(ofChart, ofFolder) {
  const names = new Set([...ofChart.keys(), ...ofFolder.keys()]);
  return [...names].flatMap((name) => {
    const [chart, folder] = [ofChart.get(name), ofFolder.get(name)];
    if (chart === undefined) return [`${name} is not in the chart`];
    if (folder === undefined) return [`${name} of the chart is missing`];
    return unequal(chart, folder, name);
  });
}

/** Where two values differ, by path. */
function unequal(a, b, path) {
  const isMap = (value) => typeof value === 'object' && value !== null;
  if (!isMap(a) || !isMap(b)) {
    const say = (value) => JSON.stringify(value) ?? 'nothing';
    return a === b ? [] : [`${path}: the chart says ${say(a)}, the folder ${say(b)}`];
  }
  const keys = new Set([...Object.keys(a), ...Object.keys(b)]);
  return [...keys].flatMap((key) => unequal(a[key], b[key], `${path}.${key}`));
}
