// Keeps the house in order: who may import whom, how long files get, what opens a file, which
// constructs stay out. `npm run check` runs it; the rules are explained in CONTRIBUTING.md.
//
//   node scripts/tidy.mjs [ROOT]
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** What each package may import of the others; the picture is in docs/architecture.md. */
export const MAY_IMPORT = {
  'libs/protocol': [],
  'libs/runtime': [],
  'libs/verifier': ['protocol'],
  'libs/certificate': ['protocol'],
  'libs/client': ['protocol', 'certificate'],
  'libs/conformance': ['protocol', 'client', 'certificate'],
  'libs/bus': ['protocol'],
  'libs/store': ['protocol'],
  'libs/abuse': ['protocol', 'store'],
  'libs/test-servers': [],
  'libs/role': ['protocol', 'bus', 'store', 'abuse', 'runtime', 'verifier'],
  'libs/cluster': ['protocol', 'bus', 'store', 'abuse', 'runtime', 'role', 'verifier'],
  'services/outbox': ['protocol', 'role', 'runtime', 'cluster'],
  'services/inbox': ['protocol', 'role', 'runtime', 'cluster'],
  'services/encryption': ['protocol', 'role', 'runtime', 'cluster'],
  'services/gateway': ['protocol', 'certificate', 'bus', 'abuse', 'runtime', 'cluster'],
  'services/standalone': [
    'protocol',
    'certificate',
    'bus',
    'store',
    'abuse',
    'runtime',
    'role',
    'verifier',
    'gateway',
    'outbox',
    'inbox',
    'encryption',
  ],
  'services/admin': [
    'protocol',
    'bus',
    'store',
    'abuse',
    'runtime',
    'role',
    'verifier',
    'client',
    'cluster',
    'standalone',
  ],
  'deploy/local-cluster': ['protocol', 'runtime', 'test-servers', 'client', 'conformance'],
  loadtest: ['protocol', 'certificate', 'client', 'verifier'],
};

const SCOPE = '@mosaic-cluster/';
/** Packages that tests may import where they are development dependencies. */
const FOR_TESTS = new Set([`${SCOPE}test-servers`]);
const LINES_MAX = 400;
const IMPORT =
  /^\s*(?:import|export)\b[^'"]*?from\s+['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]/gm;

function* filesIn(folder) {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.name === 'node_modules' || entry.name === 'dist') continue;
    const path = join(folder, entry.name);
    if (entry.isDirectory()) yield* filesIn(path);
    else yield path;
  }
}

function packagesIn(root) {
  return Object.keys(MAY_IMPORT).filter((folder) => {
    try {
      return statSync(join(root, folder, 'package.json')).isFile();
    } catch {
      return false;
    }
  });
}

function checkPackage(root, folder, complain) {
  const manifestPath = join(root, folder, 'package.json');
  const manifest = JSON.parse(readFileSync(manifestPath, 'utf8'));
  const declared = Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies });
  const allowed = new Set(MAY_IMPORT[folder].map((name) => SCOPE + name));
  for (const name of declared) {
    if (name.startsWith(SCOPE) && !allowed.has(name)) {
      complain(manifestPath, 1, `${folder} may not depend on ${name}`);
    }
  }
  const forTests = Object.keys(manifest.devDependencies ?? {});
  for (const name of forTests) {
    if (name.startsWith(SCOPE) && !FOR_TESTS.has(name) && !allowed.has(name)) {
      complain(manifestPath, 1, `${folder} may not depend on ${name}, even for development`);
    }
  }
  for (const path of filesIn(join(root, folder, 'src'))) {
    if (path.endsWith('.ts') && !path.endsWith('.d.ts')) {
      checkFile(root, folder, path, { declared, forTests }, complain);
    }
  }
}

function checkFile(root, folder, path, dependencies, complain) {
  const text = readFileSync(path, 'utf8');
  const lineOf = (index) => text.slice(0, index).split('\n').length;
  const isTest = /\.(test|bench)\.ts$|(^|[-/])contract(-[a-z-]+)?\.ts$|\/testing\//.test(path);
  for (const match of text.matchAll(IMPORT)) {
    const target = match[1] ?? match[2];
    const why = importFault(root, folder, path, target, dependencies, isTest);
    if (why !== undefined) complain(path, lineOf(match.index), why);
  }
  const name = relative(join(root, folder), path);
  if (!/^[a-z0-9/.-]+$/.test(name)) complain(path, 1, 'file names are kebab-case');
  if (!/^(#!.*\n)?\s*(\/\*\*|\/\/)/.test(text))
    complain(path, 1, 'a file opens with why it exists');
  const lines = text.split('\n').length;
  if (lines > LINES_MAX && !isTest) complain(path, 1, `${lines} lines, at most ${LINES_MAX}`);
  forbid(text, /export\s+\*/g, 'named exports only, no "export *"');
  forbid(text, /\b(TODO|FIXME|XXX)\b/g, 'finish it or write down that it is missing');
  const isEdge = /(^|\/)(config|main|run)\.ts$/.test(path) || isTest;
  if (!isEdge) {
    forbid(text, /process\.env\b/g, 'only config.ts reads the environment');
    forbid(text, /process\.exit\(/g, 'only main files end the process');
  }
  if (folder.startsWith('libs/') && !isTest) checkDocs(text, path, complain);

  function forbid(source, pattern, why) {
    for (const match of source.matchAll(pattern)) complain(path, lineOf(match.index), why);
  }
}

function importFault(root, folder, path, target, dependencies, isTest) {
  if (target.startsWith('.')) {
    const inside = resolve(dirname(path), target).startsWith(resolve(root, folder) + '/');
    if (!inside) return `"${target}" leaves the package; import it by name`;
    return target.endsWith('.ts') || target.endsWith('.json')
      ? undefined
      : 'relative imports end in .ts';
  }
  if (target.startsWith('node:')) {
    const isPure = folder === 'libs/protocol' && !isTest;
    return isPure ? 'the protocol library imports no Node module' : undefined;
  }
  const [scope, part] = target.split('/');
  const name = target.startsWith('@') ? `${scope}/${part}` : scope;
  if (isTest && !target.startsWith(SCOPE)) return undefined;
  const { declared, forTests } = dependencies;
  if (isTest && forTests.includes(name)) return undefined;
  return declared.includes(name) ? undefined : `"${name}" is not among the package's dependencies`;
}

function checkDocs(text, path, complain) {
  const lines = text.split('\n');
  lines.forEach((line, i) => {
    if (!/^export (async function|function|const|class|interface|type) \w/.test(line)) return;
    if (!/\*\/\s*$/.test(lines[i - 1] ?? '')) complain(path, i + 1, 'an export has a doc comment');
  });
}

/** Every broken rule under `root`, as `file:line: why`. */
export function tidy(root) {
  const complaints = [];
  const complain = (path, line, why) => complaints.push(`${relative(root, path)}:${line}: ${why}`);
  for (const folder of packagesIn(root)) checkPackage(root, folder, complain);
  return complaints;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const root = resolve(process.argv[2] ?? join(dirname(fileURLToPath(import.meta.url)), '..'));
  const complaints = tidy(root);
  for (const complaint of complaints) console.log(complaint);
  console.log(complaints.length === 0 ? 'tidy: in order' : `tidy: ${complaints.length} complaints`);
  process.exitCode = complaints.length === 0 ? 0 : 1;
}
