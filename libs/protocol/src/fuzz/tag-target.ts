/** Fuzzes tag sections: splitting, the core tags' meaning, and encoding again. */
import { concatBytes, equalBytes, writeU16 } from '../bytes.ts';
import { coreTag, interpretTag } from '../core-tag.ts';
import { encodeTag, encodeTags, parseTags, tagSectionFault, tagsIn, type TagView } from '../tag.ts';
import { mutate } from './mutate.ts';
import type { Random } from './random.ts';
import { type FuzzTarget, require } from './target.ts';

/** Makes every tag's length fit what follows, as far as that is possible. */
function repair(section: Uint8Array): Uint8Array {
  const bytes = section.slice();
  for (let at = 0; at < bytes.length; ) {
    const left = bytes.length - at;
    if (left < 4) return bytes.slice(0, at);
    const length = bytes[at]! | (bytes[at + 1]! << 8);
    if (length < 4 || length > left) writeU16(bytes, at, left);
    at += length < 4 || length > left ? left : length;
  }
  return bytes;
}

/** Types whose first four value bytes are reserved: written as zero, read over. */
const WITH_RESERVED: ReadonlySet<string> = new Set([
  'notify',
  'reply',
  'root',
  'nostrSister',
  'subkey',
]);

function requireMeaning(tag: TagView): void {
  const core = interpretTag(tag);
  if (core === undefined) return;
  const want = tag.bytes.slice();
  if (WITH_RESERVED.has(core.name)) want.fill(0, 4, 8);
  require(equalBytes(encodeTag(coreTag(core)), want), `another ${core.name} tag`);
}

/** The target for tag sections. */
export function tagTarget(seeds: readonly Uint8Array[]): FuzzTarget {
  const generate = (random: Random): Uint8Array => {
    const parts = Array.from({ length: 1 + random.below(4) }, () => random.pick(seeds));
    const section = mutate(concatBytes(...parts), random, seeds);
    return random.oneIn(3) ? section : repair(section);
  };
  return {
    name: 'tag-set',
    generate,
    run(input) {
      // A walk over unchecked bytes must end, too.
      for (const tag of tagsIn(input, 0, input.length)) interpretTag(tag);
      const isSound = tagSectionFault(input, 0, input.length) < 0;
      const tags = parseTags(input);
      require(isSound, 'accepted although there is a fault');
      require(equalBytes(encodeTags(tags), input), 'other bytes');
      for (const tag of tags) requireMeaning(tag);
      return true;
    },
  };
}
