/** Everything that the index of a data folder answers, to be held against another's. For tests. */
import { join } from 'node:path';
import { hexEncode } from '@mosaic-cluster/protocol';
import {
  type IndexEntry,
  type IndexPath,
  indexPathsOf,
  openIndexReader,
  type RecordIndex,
} from '@mosaic-cluster/store';
import { entriesOf } from './tamper.ts';

const ROLES = ['outbox', 'inbox', 'encryption'];

/** What is found by each ID, and on each value of each path, whole. */
export async function answersOf(folder: string): Promise<Record<string, unknown>> {
  const reader = await openIndexReader({ directory: join(folder, 'index') });
  if ('state' in reader) throw new Error(reader.why);
  try {
    const answers: Record<string, unknown> = {};
    for (const role of ROLES) {
      answers[role] = await answersOfRole(folder, role, reader.index(role)!);
    }
    return answers;
  } finally {
    await reader.close();
  }
}

async function answersOfRole(folder: string, role: string, index: RecordIndex): Promise<unknown> {
  const records = (await entriesOf(folder, role)).map(({ record }) => record);
  const found = await index.lookup(records.map(({ id }) => id));
  const byId = records.map(({ id }, i) => `${hexEncode(id)} ${shown(found[i])}`);
  const paths = new Map<string, IndexPath>([['held', { path: 'held' }]]);
  for (const record of records) {
    for (const path of indexPathsOf(record)) paths.set(nameOf(path), path);
  }
  const byPath: Record<string, string[]> = {};
  for (const [name, path] of paths) {
    byPath[name] = (await index.scan(path, { limit: 100_000 })).map(shown);
  }
  const applied = await index.appliedTo();
  return {
    count: await index.count(),
    appliedTo: applied === undefined ? undefined : hexEncode(applied),
    byId,
    byPath,
  };
}

function nameOf(path: IndexPath): string {
  return Object.values(path)
    .map((each) => (typeof each === 'string' ? each : hexEncode(each)))
    .join(' ');
}

function shown(entry: IndexEntry | undefined): string {
  if (entry === undefined) return 'nothing';
  return `${hexEncode(entry.position)} ${hexEncode(entry.location)} ${entry.held}`;
}
