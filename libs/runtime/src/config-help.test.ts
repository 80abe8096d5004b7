/** What `--help` and the reference page show must be complete, and safe to print. */
import { describe, expect, it } from 'vitest';

import { readConfig } from './config.ts';
import { describeConfig, renderSettingsHelp, renderSettingsMarkdown } from './config-help.ts';

const table = {
  drainMs: {
    name: 'MOSAIC_DRAIN_TIME',
    type: 'duration',
    max: '10m',
    default: '20s',
    doc: 'How long the gateway spreads its goodbyes, so that clients do not come back all at once.',
  },
  mode: { name: 'MOSAIC_MODE', type: 'enum', values: ['a', 'b|c'], default: 'a', doc: 'A | B.' },
  listen: { name: 'MOSAIC_LISTEN', type: 'hostPort', doc: 'Where to listen.' },
  sizes: { name: 'MOSAIC_SIZES', type: 'list', of: { type: 'bytes' }, default: '1KiB', doc: 'S.' },
  redis: {
    name: 'MOSAIC_REDIS',
    type: 'secretUrl',
    protocols: ['redis'],
    default: 'redis://h',
    doc: 'R.',
  },
  token: { name: 'MOSAIC_TOKEN', type: 'secret', optional: true, doc: 'A token.' },
} as const;

describe('settings for people', () => {
  it('are rendered as help', () => {
    expect(renderSettingsHelp(table)).toMatchInlineSnapshot(`
      "Settings come from the environment, or else from NAME=value lines in the file that
      MOSAIC_CONFIG_FILE names, where # begins a comment line:

        MOSAIC_DRAIN_TIME
            How long the gateway spreads its goodbyes, so that clients do not come back all at
            once.
            A duration like 500ms, 5s, 2m or 1h30m, at most 10m. Default: 20s.

        MOSAIC_MODE
            A | B.
            One of a or b|c. Default: a.

        MOSAIC_LISTEN
            Where to listen.
            An address and port like 127.0.0.1:443 or [::1]:443, or off. Required.

        MOSAIC_SIZES
            S.
            A comma-separated list, each a size like 4096, 64KiB or 1GiB; or none. Default:
            1KiB.

        MOSAIC_REDIS
            R.
            An address that begins with redis://; or a file with it, named by
            MOSAIC_REDIS_FILE. Default: redis://h.

        MOSAIC_TOKEN
            A token.
            A secret; or a file with it, named by MOSAIC_TOKEN_FILE. Not set.
      "
    `);
    const widths = renderSettingsHelp(table)
      .split('\n')
      .map((line) => line.length);
    expect(Math.max(...widths)).toBeLessThanOrEqual(88);
  });

  it('are rendered as a Markdown table', () => {
    expect(renderSettingsMarkdown(table)).toMatchInlineSnapshot(`
      "| Name | Default | Allowed | What it does |
      |---|---|---|---|
      | \`MOSAIC_DRAIN_TIME\` | \`20s\` | a duration like 500ms, 5s, 2m or 1h30m, at most 10m | How long the gateway spreads its goodbyes, so that clients do not come back all at once. |
      | \`MOSAIC_MODE\` | \`a\` | one of a or b\\|c | A \\| B. |
      | \`MOSAIC_LISTEN\` | required | an address and port like 127.0.0.1:443 or [::1]:443, or off | Where to listen. |
      | \`MOSAIC_SIZES\` | \`1KiB\` | a comma-separated list, each a size like 4096, 64KiB or 1GiB; or none | S. |
      | \`MOSAIC_REDIS\` | \`redis://h\` | an address that begins with redis://; or a file with it, named by \`MOSAIC_REDIS_FILE\` | R. |
      | \`MOSAIC_TOKEN\` | not set | a secret; or a file with it, named by \`MOSAIC_TOKEN_FILE\` | A token. |
      "
    `);
  });

  it('are described as an operator would write them, without secrets', () => {
    const config = readConfig(table, {
      MOSAIC_LISTEN: '[::1]:443',
      MOSAIC_TOKEN: 'hunter2',
      MOSAIC_REDIS: 'redis://me:hunter2@r:1/0',
      MOSAIC_SIZES: '1024,2MiB',
    });
    expect(describeConfig(table, config)).toEqual({
      MOSAIC_DRAIN_TIME: '20s',
      MOSAIC_MODE: 'a',
      MOSAIC_LISTEN: '[::1]:443',
      MOSAIC_SIZES: '1KiB,2MiB',
      MOSAIC_REDIS: 'redis://redacted@r:1/0',
      MOSAIC_TOKEN: '[redacted]',
    });
    const { MOSAIC_TOKEN: _token, ...described } = describeConfig(table, config);
    expect(describeConfig(table, readConfig(table, described))).toEqual(described);
  });
});
