// Holds manifests against Kubernetes' own schemas, strictly: a field that a version does not know is an error.
import { mkdir, readdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { stringify } from 'yaml';
import { YAML } from './render.mjs';
import { runTool } from '../../libs/test-servers/dist/run-tool.js';

/** The oldest version that the chart takes, one between, and the newest that the schemas know. */
export const KUBERNETES_VERSIONS = ['1.29.0', '1.33.0', '1.37.0'];

/** What is wrong with objects by one version's schemas: kubeconform's words. Undefined: nothing. */
export async function schemaProblem({ kubeconform, schemas, ownSchemas }, version, objects) {
  const folder = mkdtempSync(join(tmpdir(), 'mosaic-manifests-'));
  try {
    const file = join(folder, 'all.yaml');
    await writeFile(file, objects.map((object) => stringify(object, YAML)).join('---\n'));
    const ofVersion = await absoluteSchemas(schemas, version);
    const pattern = '{{.ResourceKind}}{{.KindSuffix}}.json';
    const locations = [join(ofVersion, pattern), join(ownSchemas, pattern)];
    const from = locations.flatMap((location) => ['-schema-location', location]);
    await runTool(kubeconform, ['-strict', ...from, file], { timeoutMs: 60_000 });
    return undefined;
  } catch (error) {
    return error.message;
  } finally {
    await rm(folder, { recursive: true });
  }
}

/** The schemas of a version with references that name files; made once, beside what came. */
async function absoluteSchemas(schemas, version) {
  const from = join(schemas, `v${version}-local-strict`);
  const to = join(dirname(schemas), `absolute-${version}`);
  const isMade = await readdir(to).then(
    () => true,
    () => false,
  );
  if (isMade) return to;
  const scratch = `${to}.${process.pid}`;
  await mkdir(scratch, { recursive: true });
  for (const name of await readdir(from)) {
    const text = await readFile(join(from, name), 'utf8');
    // All files lie beside one another; whatever stands before a name is left out.
    const absolute = text.replaceAll(
      /"\$ref": "(?:[^"#]*\/)?([^"/#]+\.json)/g,
      (_, file) => `"$ref": "file://${join(to, file)}`,
    );
    await writeFile(join(scratch, name), absolute);
  }
  await rename(scratch, to);
  return to;
}
