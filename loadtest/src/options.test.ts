/** Protects the command line: every option does what --help says, and mistakes are named. */
import { describe, expect, it } from 'vitest';
import { parseServerAddress } from './generator/server-address.ts';
import { UsageError } from './load-error.ts';
import { HELP, type Options, parseOptions } from './options.ts';
import { YARDSTICKS } from './report/yardsticks.ts';
import { SCENARIOS } from './scenarios/index.ts';

function parse(...args: string[]): Options {
  return parseOptions(args, '/here');
}

describe('parseOptions', () => {
  it('measures the embedded server unless told otherwise', () => {
    const options = parse('all');
    expect(options.action).toBe('measure');
    expect(options.scenarios).toEqual(SCENARIOS);
    expect(options).toMatchObject({
      target: undefined,
      listener: 'uws',
      tls: false,
      scale: 1,
      runs: 3,
      seed: 1,
      storeRecords: 50_000,
      jsonFile: undefined,
    });
    expect(options.cacheFolder).toMatch(/\.cache\/loadtest$/);
    expect(options.dataFolder).toBe(options.cacheFolder);
  });

  it('takes a server that runs, with its processes', () => {
    const url = 'wss://127.0.0.1:8444';
    const options = parse('ingest', '--url', url, '--pid', '12,34', '--pid', '56', '--children');
    expect(options.target).toEqual({ url, pids: [12, 34, 56], withChildren: true });
    expect(parse('ingest', '--url', url).target?.pids).toEqual([]);
  });

  it('keeps scenarios in their order, each once', () => {
    const names = parse('ingest', 'query-tag', 'ingest').scenarios.map(({ name }) => name);
    expect(names).toEqual(['query-tag', 'ingest']);
  });

  it('is quicker on demand', () => {
    expect(parse('all', '--quick')).toMatchObject({ scale: 0.2, runs: 1, storeRecords: 10_000 });
    expect(parse('all', '--quick', '--runs', '5', '--store', '2000')).toMatchObject({
      runs: 5,
      storeRecords: 2_000,
    });
  });

  it('resolves folders and files', () => {
    const paths = ['--cache', 'c', '--data-dir', '/d', '--json', 'out/x.json'];
    expect(parse('all', ...paths)).toMatchObject({
      cacheFolder: '/here/c',
      dataFolder: '/d',
      jsonFile: '/here/out/x.json',
    });
  });

  it('has TLS on the listener that knows nothing else', () => {
    expect(parse('all', '--listener', 'mtls')).toMatchObject({ listener: 'mtls', tls: true });
    expect(parse('all', '--tls')).toMatchObject({ listener: 'uws', tls: true });
  });

  it('says what limits cost, of what is named or else of what matters most', () => {
    const names = (...args: string[]) => parse('limits', ...args).scenarios.map(({ name }) => name);
    expect(names()).toEqual(['query-author', 'ingest', 'ingest-one']);
    expect(names('ingest-lone')).toEqual(['ingest-lone']);
    expect(() => parse('limits', '--url', 'ws://h:1')).toThrow('leave --url out');
  });

  it('profiles one scenario, once', () => {
    expect(parse('profile', 'ingest')).toMatchObject({ action: 'profile', runs: 1 });
    expect(() => parse('profile')).toThrow('which scenario');
    expect(() => parse('profile', 'ingest', 'fan-out')).toThrow('which scenario');
    expect(() => parse('profile', 'ingest', '--url', 'ws://h:1')).toThrow('leave --url out');
  });

  it('compares a cluster, or several', () => {
    const names = (options: Options): string[] => options.scenarios.map(({ name }) => name);
    const options = parse('cluster');
    expect(options).toMatchObject({ action: 'cluster', workers: [1], readyFile: undefined });
    expect(names(options)).toEqual(['query-author', 'query-ids-10', 'ingest', 'fan-out']);
    expect(names(parse('cluster', 'ingest-one'))).toEqual(['ingest-one']);
    expect(parse('cluster', '--workers', '1,2').workers).toEqual([1, 2]);
    expect(parse('cluster', '--ready', 'r.json').readyFile).toBe('/here/r.json');
  });

  it('helps and lists', () => {
    expect(parse().action).toBe('help');
    expect(parse('--help').action).toBe('help');
    expect(parse('ingest', '-h').action).toBe('help');
    expect(parse('list').action).toBe('list');
  });

  it.each([
    [['ingset'], 'there is no scenario "ingset"'],
    [['all', '--pids', '1'], '--pids'],
    [['all', '--pid', '1'], '--pid belongs to a server'],
    [['all', '--url', 'ws://h:1', '--pid', '1x'], '--pid 1x'],
    [['all', '--url', 'http://h'], '"http://h" is no URL of a server'],
    [['all', '--url', 'ws://h:1', '--tls'], '--tls and --listener'],
    [['all', '--listener', 'tcp'], '--listener tcp'],
    [['all', '--workers', '2'], '--workers and --ready are for a cluster'],
    [['cluster', '--workers', '0'], '--workers 0'],
    [['cluster', '--workers', '1,'], '--workers'],
    [['cluster', '--workers', '1', '--ready', 'f'], 'leave it out with --ready'],
    [['cluster', '--url', 'ws://h:1'], 'leave --url out'],
    [['cluster', '--listener', 'mtls'], '--listener'],
    [['cluster', 'idle'], 'idle is not compared'],
    [['all', '--runs', '0'], '--runs 0'],
    [['all', '--runs', '1.5'], '--runs 1.5'],
    [['all', '--seed', 'abc'], '--seed abc'],
    [['all', '--store', '10'], '--store 10'],
  ])('refuses %j', (args, message) => {
    expect(() => parse(...args)).toThrow(UsageError);
    expect(() => parse(...args)).toThrow(message);
  });

  it('documents every option', () => {
    const documented = [...HELP.matchAll(/^ {2}(--[a-z-]+)/gm)].map(([, name = '']) =>
      name.slice(2),
    );
    const known =
      'children cache data-dir json listener minutes pid quick ready runs seed store tls url workers';
    expect(documented.sort()).toEqual(known.split(' ').sort());
  });
});

describe('the scenarios', () => {
  it('have names of their own, and a yardstick each', () => {
    const names = SCENARIOS.map(({ name }) => name);
    expect(new Set(names).size).toBe(names.length);
    expect(Object.keys(YARDSTICKS).sort()).toEqual([...names].sort());
  });
});

describe('parseServerAddress', () => {
  it.each([
    ['ws://127.0.0.1:8444/', '127.0.0.1', 8444, false],
    ['wss://example.org', 'example.org', 443, true],
    ['mosaicwss://[::1]:8443/', '::1', 8443, true],
    ['wss://example.org:80/', 'example.org', 80, true],
    ['ws://example.org', 'example.org', 80, false],
  ])('reads %s', (url, host, port, tls) => {
    expect(parseServerAddress(url)).toEqual({ host, port, tls });
  });

  it.each(['127.0.0.1:8444', 'wss://', 'ftp://h:1', 'wss://h:99999'])('refuses %s', (url) => {
    expect(() => parseServerAddress(url)).toThrow(UsageError);
  });

  it('knows what can be done with clusters', () => {
    expect(parse('cluster', 'scaling', '--quick')).toMatchObject({ action: 'scaling', runs: 1 });
    const profile = parse('cluster', 'profile', 'ingest');
    expect(profile).toMatchObject({ action: 'cluster-profile', runs: 1 });
    expect(profile.scenarios.map(({ name }) => name)).toEqual(['ingest']);
    for (const args of [
      ['cluster', 'scaling', 'ingest'],
      ['cluster', 'scaling', '--workers', '2'],
      ['cluster', 'scaling', '--listener', 'mtls'],
      ['cluster', 'profile'],
      ['cluster', 'profile', 'ingest', 'fan-out'],
      ['cluster', 'profile', 'ingest', '--ready', 'x'],
      ['cluster', 'profile', 'idle'],
    ]) {
      expect(() => parse(...args), args.join(' ')).toThrow(UsageError);
    }
  });
});
