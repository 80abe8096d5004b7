/** Settings as texts: what operators compare, without what they must not see. */
import { expect, it } from 'vitest';
import { readConfig } from './config.ts';
import { settingTexts } from './setting-texts.ts';

const TABLE = {
  age: { name: 'MOSAIC_AGE', type: 'duration', default: '90m', doc: 'd' },
  size: { name: 'MOSAIC_SIZE', type: 'bytes', default: '64KiB', doc: 'd' },
  names: { name: 'MOSAIC_NAMES', type: 'list', of: { type: 'string' }, default: 'a,b', doc: 'd' },
  none: { name: 'MOSAIC_NONE', type: 'list', of: { type: 'string' }, default: 'none', doc: 'd' },
  absent: { name: 'MOSAIC_ABSENT', type: 'string', optional: true, doc: 'd' },
  token: { name: 'MOSAIC_TOKEN', type: 'secret', optional: true, doc: 'd' },
  isOn: { name: 'MOSAIC_ON', type: 'boolean', default: true, doc: 'd' },
} as const;

it('says settings in the words in which they are set, and nothing of secrets', () => {
  const config = readConfig(TABLE, { MOSAIC_TOKEN: 'hush' });
  expect(settingTexts(TABLE, config)).toEqual({
    MOSAIC_AGE: '90m',
    MOSAIC_SIZE: '64KiB',
    MOSAIC_NAMES: 'a,b',
    MOSAIC_NONE: 'none',
    MOSAIC_ABSENT: 'not set',
    MOSAIC_TOKEN: 'set',
    MOSAIC_ON: 'true',
  });
});
