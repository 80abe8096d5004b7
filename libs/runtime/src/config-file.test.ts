/** The file's few rules, and that a broken line never shows its text. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { afterAll, describe, expect, it } from 'vitest';

import { loadConfigFile, parseConfigFile } from './config-file.ts';

function valuesOf(text: string): Record<string, string> {
  const { entries, problems } = parseConfigFile(text);
  expect(problems).toEqual([]);
  return Object.fromEntries([...entries].map(([name, entry]) => [name, entry.value]));
}

describe('config file', () => {
  it('reads names, comments, quotes, Windows line ends and a byte order mark', () => {
    const text =
      "\uFEFF# first\r\n\r\n A = b=c \r\n  # more\nB=\"x # y\"\nC=''\nD=a#b\nE=it's\n#F=1";
    expect(valuesOf(text)).toEqual({ A: 'b=c', B: 'x # y', C: '', D: 'a#b', E: "it's" });
  });

  it('knows the line of each value', () => {
    expect(parseConfigFile('\n# x\nA=1').entries.get('A')).toEqual({ value: '1', line: 3 });
  });

  it('names every bad line without repeating its text', () => {
    const { problems } = parseConfigFile('hunter2\nA=1\nA=2\nB=hunter2 # x\nC="hunter2\n');
    expect(problems).toHaveLength(4);
    expect(problems[0]).toContain('Line 1');
    expect(problems[1]).toContain('A stands twice');
    expect(problems[1]).toContain('lines 2 and 3');
    expect(problems[2]).toContain('B on line 4');
    expect(problems[3]).toContain('C on line 5');
    expect(problems.join()).not.toContain('hunter2');
  });
});

describe('loading it', () => {
  const folder = mkdtempSync(join(tmpdir(), 'mosaic-config-'));
  afterAll(() => rmSync(folder, { recursive: true }));

  it('reads the file that the environment names', () => {
    const path = join(folder, 'mosaic.conf');
    writeFileSync(path, 'MOSAIC_A=1\n');
    expect(loadConfigFile({ MOSAIC_CONFIG_FILE: ` ${path} ` })).toBe('MOSAIC_A=1\n');
    expect(loadConfigFile({})).toBeUndefined();
    expect(loadConfigFile({ MOSAIC_CONFIG_FILE: '' })).toBeUndefined();
  });

  it('says which file it cannot read, and refuses huge ones', () => {
    const missing = join(folder, 'missing');
    expect(() => loadConfigFile({ MOSAIC_CONFIG_FILE: missing })).toThrow(missing);
    const huge = join(folder, 'huge');
    writeFileSync(huge, Buffer.alloc(1024 * 1024 + 1));
    expect(() => loadConfigFile({ MOSAIC_CONFIG_FILE: huge })).toThrow('larger than 1 MiB');
  });
});
