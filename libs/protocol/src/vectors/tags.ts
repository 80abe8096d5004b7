/** Cases of `tags`: core tags to bytes and back, and the splitting of a tag section. */
import { hexEncode } from '../bytes.ts';
import { type CoreTag, type CoreTagName, coreTag, interpretTag, TAG_TYPE } from '../core-tag.ts';
import { referenceKind } from '../reference.ts';
import { encodeTag, encodeTags, parseTags, type TagView } from '../tag.ts';
import { type CaseFields, VectorFailure } from './case-fields.ts';
import { expectAccept, expectBytes, expectReject, expectSame } from './expect.ts';

const CORE_NAMES: Readonly<Record<string, CoreTagName>> = {
  notify_public_key: 'notify',
  reply: 'reply',
  root: 'root',
  nostr_sister: 'nostrSister',
  subkey: 'subkey',
  user_mention: 'userMention',
  server_mention: 'serverMention',
  quote: 'quote',
  url: 'url',
  image: 'image',
  video: 'video',
};

function describeCore(core: CoreTag): Readonly<Record<string, unknown>> {
  const fields: Record<string, unknown> = {};
  if ('key' in core) fields['public_key'] = hexEncode(core.key);
  if ('nostrId' in core) fields['nostr_id'] = hexEncode(core.nostrId);
  if ('offset' in core) fields['offset'] = core.offset;
  if ('url' in core) fields['url'] = core.url;
  if ('reference' in core) {
    fields['kind'] = hexEncode(core.kind);
    fields['reference'] = hexEncode(core.reference);
    fields['reference_kind'] = referenceKind(core.reference);
  }
  return fields;
}

function coreFrom(name: CoreTagName, fields: CaseFields): CoreTag {
  switch (name) {
    case 'notify':
    case 'subkey':
      return { name, key: fields.hex('public_key') };
    case 'userMention':
    case 'serverMention':
      return { name, offset: fields.integer('offset'), key: fields.hex('public_key') };
    case 'nostrSister':
      return { name, nostrId: fields.hex('nostr_id') };
    case 'reply':
    case 'root':
      return { name, ...kindAndReference(fields) };
    case 'quote':
      return { name, offset: fields.integer('offset'), ...kindAndReference(fields) };
    case 'url':
    case 'image':
    case 'video':
      return { name, offset: fields.integer('offset'), url: fields.text('url') };
    default:
      throw new VectorFailure('a core tag without fields');
  }
}

function kindAndReference(fields: CaseFields): { kind: Uint8Array; reference: Uint8Array } {
  const reference = fields.hex('reference');
  expectSame('reference kind', referenceKind(reference), fields.text('reference_kind'));
  return { kind: fields.hex('kind'), reference };
}

/** The only tag of a section. */
function onlyTag(section: Uint8Array): TagView {
  const tags = parseTags(section);
  const tag = tags[0];
  if (tag === undefined || tags.length !== 1) {
    throw new VectorFailure(`${tags.length} tags instead of one`);
  }
  return tag;
}

function encode(fields: CaseFields): void {
  const named = fields.text('tag');
  const name = CORE_NAMES[named];
  if (name === undefined) throw new VectorFailure(`unknown tag "${named}"`);
  expectSame('tag type', TAG_TYPE[name], fields.integer('tag_type'));
  const bytes = fields.hex('bytes');
  const core = coreFrom(name, fields.object('fields'));
  expectBytes('encoded tag', encodeTag(coreTag(core)), bytes);
  const parsed = interpretTag(onlyTag(bytes));
  if (parsed === undefined) throw new VectorFailure('the tag has no core meaning');
  expectSame('name', parsed.name, name);
  expectSame('fields', describeCore(parsed), fields.raw('fields'));
}

function coreDecode(fields: CaseFields): void {
  const bytes = fields.hex('bytes');
  const isAccepted = fields.accepts();
  const want = fields.raw('fields');
  // The tag stands alone here, so a length that is no tag's is a rejection, too.
  if (!isAccepted) {
    try {
      expectSame('core meaning', interpretTag(onlyTag(bytes)) === undefined, true);
    } catch (error) {
      if (error instanceof VectorFailure) throw error;
      expectReject('tag', () => onlyTag(bytes));
    }
    return;
  }
  const core = expectAccept('tag', () => interpretTag(onlyTag(bytes)));
  if (core === undefined) throw new VectorFailure('the tag has no core meaning');
  expectSame('fields', describeCore(core), want);
}

function parseSet(fields: CaseFields): void {
  const bytes = fields.hex('bytes');
  if (!fields.accepts()) {
    fields.skip('tags');
    expectReject('tag section', () => parseTags(bytes));
    return;
  }
  const tags = expectAccept('tag section', () => parseTags(bytes));
  expectSame('tags', tags.map(describeTag), fields.raw('tags'));
  expectBytes('encoded tags', encodeTags(tags), bytes);
}

/** A tag under the names of the vector files. */
export function describeTag(tag: TagView): Readonly<Record<string, unknown>> {
  return { type: tag.type, length: tag.length, value: hexEncode(tag.value) };
}

/** Runs one case of the set `tags`. */
export function runTagCase(fields: CaseFields): void {
  const type = fields.text('type');
  switch (type) {
    case 'encode':
      return encode(fields);
    case 'core_decode':
      return coreDecode(fields);
    case 'parse_set':
      return parseSet(fields);
    default:
      throw new VectorFailure(`unknown type "${type}"`);
  }
}
