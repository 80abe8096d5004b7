/**
 * What a tag says, wherever it stands: in a record, or in a filter.
 */
import {
  type CoreTag,
  coreTagName,
  hexEncode,
  interpretTag,
  isPublicKey,
  type TagView,
} from '@mosaic-cluster/protocol';
import { readableText, safeText } from './display-text.ts';
import { showKey, showKind, showReference } from './display-value.ts';
import { type Field, type Json, span } from './report.ts';

const LABELS: Readonly<Record<CoreTag['name'], string>> = {
  notify: 'notify',
  reply: 'reply',
  root: 'root',
  nostrSister: 'nostr sister',
  subkey: 'subkey',
  userMention: 'user mention',
  serverMention: 'server mention',
  quote: 'quote',
  url: 'url',
  image: 'image',
  video: 'video',
};

interface Meaning {
  readonly json: { readonly [name: string]: Json };
  readonly lines: readonly string[];
}

function meaningOf(core: CoreTag): Meaning {
  switch (core.name) {
    case 'notify':
    case 'subkey': {
      const key = showKey(core.key);
      return { json: { key: key.value }, lines: key.lines };
    }
    case 'userMention':
    case 'serverMention': {
      const key = showKey(core.key);
      const { offset } = core;
      return { json: { offset, key: key.value }, lines: [...key.lines, `at ${offset}`] };
    }
    case 'nostrSister':
      return {
        json: { nostrId: hexEncode(core.nostrId) },
        lines: [hexEncode(core.nostrId)],
      };
    case 'reply':
    case 'root':
    case 'quote': {
      const kind = showKind(core.kind);
      const reference = showReference(core.reference);
      const json = { kind: kind.value, reference: reference.value };
      const lines = [`to a ${kind.lines[0]!}`, ...reference.lines];
      if (core.name !== 'quote') return { json, lines };
      return { json: { offset: core.offset, ...json }, lines: [...lines, `at ${core.offset}`] };
    }
    default:
      return {
        json: { offset: core.offset, url: core.url },
        lines: [safeText(core.url), `at ${core.offset}`],
      };
  }
}

/** Why a tag of a core type has no core meaning. */
function whyMeaningless(tag: TagView): string {
  const hasKey = tag.length === 40 && !isPublicKey(tag.bytes.subarray(8, 40));
  return hasKey ? 'means nothing: it holds no valid key' : 'means nothing: it has another shape';
}

/**
 * A tag as a field of a report.
 *
 * @param base what offsets in the tag's source count from
 */
export function tagField(tag: TagView, base: number): Field {
  const range = span(tag.start + base, tag.start + base + tag.length);
  const core = interpretTag(tag);
  const coreName = coreTagName(tag.type);
  const hex = hexEncode(tag.value);
  const plain = { type: tag.type, name: coreName ?? null, value: hex };
  const type = `0x${tag.type.toString(16).padStart(2, '0')}`;
  if (core !== undefined) {
    const { json, lines } = meaningOf(core);
    return {
      name: 'tag',
      label: LABELS[core.name],
      range,
      value: { ...plain, meaning: json },
      lines,
    };
  }
  const text = tag.value.length > 0 ? readableText(tag.value) : undefined;
  const lines = [hex === '' ? '(empty)' : hex];
  if (text !== undefined) lines.push(`"${safeText(text)}"`);
  if (coreName !== undefined) lines.push(whyMeaningless(tag));
  const label = coreName === undefined ? `type ${type}` : LABELS[coreName];
  return { name: 'tag', label, range, value: { ...plain, meaning: null }, lines };
}
