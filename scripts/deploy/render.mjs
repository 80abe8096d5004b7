// Renders the chart with helm and folders of k8s/ with kustomize, as lists of objects.
import { execFile } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { parseAllDocuments } from 'yaml';

const TIMEOUT_MS = 60_000;
const OUTPUT_BYTES_MAX = 16 * 2 ** 20;
const CHART = join('charts', 'mosaic-cluster');
/** Kubernetes reads YAML 1.1, where off and no are no texts. */
export const YAML = { version: '1.1', lineWidth: 0 };
/** The version that is rendered for where none is named. */
export const KUBERNETES = '1.34.0';

/** The pages in docs/ that tell operators what values to write. */
export const GUIDES = ['install.md', 'kubernetes.md'];

/** The sets of values that the chart is tried with, by name: files below charts/mosaic-cluster/ci. */
export function valuesMatrix(root) {
  const files = readdirSync(join(root, CHART, 'ci')).filter((file) => file.endsWith('.yaml'));
  const onBase = new Set(['small.yaml', 'large.yaml']);
  return Object.fromEntries(
    files.map((file) => [
      file.replace('.yaml', ''),
      onBase.has(file) ? ['base.yaml', file] : [file],
    ]),
  );
}

/** Runs helm on the chart; resolves with what it wrote. @throws Error with helm's words */
export function runHelm(helm, root, [command, ...args], files, more = []) {
  const values = files.flatMap((file) => ['-f', join(CHART, 'ci', file)]);
  const chart = command === 'template' ? ['mosaic', CHART, '--namespace', 'mosaic'] : [CHART];
  const all = [command, ...args, ...chart, '--kube-version', KUBERNETES, ...values, ...more];
  return outputOf(helm, all, root);
}

/** The objects that the chart makes of values files and `--set` arguments. */
export async function renderChart(helm, root, files, sets = []) {
  const more = sets.flatMap((set) => ['--set-json', set]);
  return objectsIn(await runHelm(helm, root, ['template'], files, more));
}

/** The objects that the chart makes of the values that a guide tells operators to write. */
export async function renderGuide(helm, root, guide) {
  const text = readFileSync(join(root, 'docs', guide), 'utf8');
  const [, values] = /```yaml\n((?:# values\.yaml|image:)[^]*?)```/.exec(text);
  const folder = mkdtempSync(join(tmpdir(), 'mosaic-guide-'));
  try {
    const file = join(folder, 'values.yaml');
    writeFileSync(file, values);
    return objectsIn(await runHelm(helm, root, ['template'], [], ['-f', file]));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** The objects of a kustomize folder. */
export async function renderFolder(kustomize, root, folder) {
  return objectsIn(await outputOf(kustomize, ['build', folder], root));
}

/** All that a program wrote to standard output. @throws Error with what it wrote to the other */
async function outputOf(program, args, folder) {
  const options = { cwd: folder, timeout: TIMEOUT_MS, maxBuffer: OUTPUT_BYTES_MAX };
  const { stdout } = await promisify(execFile)(program, args, options);
  return stdout;
}

/** The objects in YAML text. @throws Error where it is none, or says a key twice */
export function objectsIn(text) {
  return parseAllDocuments(text, YAML)
    .map((document) => {
      if (document.errors.length > 0) throw document.errors[0];
      return document.toJS();
    })
    .filter((object) => object !== null);
}

/** The object of a kind and name. @throws Error that lists what there is */
export function pick(objects, kind, name) {
  const object = objects.find((one) => one.kind === kind && one.metadata.name === name);
  if (object !== undefined) return object;
  const there = objects.map((one) => `${one.kind} ${one.metadata.name}`).join(', ');
  throw new Error(`There is no ${kind} ${name}, but ${there}.`);
}
