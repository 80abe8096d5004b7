/**
 * Tags on the command line: `name=value` for the core tags, `type:hex` for any other.
 */
import {
  coreTag,
  hexDecode,
  type Kind,
  type Reference,
  referenceKind,
  type TagInput,
} from '@mosaic-cluster/protocol';
import { blaming, usageError } from './exit-code.ts';
import { parsePublicKey, parseReference } from './parse-key.ts';
import { parseKind } from './parse-kind.ts';

/** The forms of a tag, for help texts. */
export const TAG_HELP = `
Tags are written as
  notify=mopub0…                     whom it concerns (and who may read a private record)
  reply=[KIND,]moref0…   root=…      what it answers; KIND is needed where moref0… is an ID
  quote@OFFSET=[KIND,]moref0…        @OFFSET: the place in the payload, 0 where left out
  user-mention@OFFSET=mopub0…        server-mention@OFFSET=mosrv0…
  url@OFFSET=https://…               image@…=   video@…=
  nostr-sister=HEX   subkey=mopub0…
  TYPE:HEX                           any type (decimal or 0x…) with any value, such as 0x1234:00ff`;

const NAMES =
  'notify, reply, root, quote, user-mention, server-mention, url, image, video, nostr-sister, subkey';
const REMEDY = `Write NAME=VALUE with one of ${NAMES}, or TYPE:HEX.`;

/** Reads a tag. @throws MosaicError `invalid` with code `usage` */
export function parseTag(option: string, text: string): TagInput {
  const named = /^([a-z-]+)(?:@(\d{1,10}))?=(.*)$/s.exec(text);
  if (named !== null) {
    const [, name = '', offset, value = ''] = named;
    return parseNamed(`${option} ${name}`, name, offset, value);
  }
  const plain = /^(0x[0-9a-f]{1,4}|\d{1,5}):(.*)$/is.exec(text);
  const type = Number(plain?.[1]);
  if (plain === null || type > 0xffff) {
    throw usageError(option, `"${text}" is no tag that I can read`, REMEDY);
  }
  const remedy = 'Give the value as hex, such as 0x1234:00ff; an empty value is 0x1234:';
  return blaming(option, remedy, () => ({ type, value: hexDecode(plain[2] ?? '') }));
}

function parseNamed(
  option: string,
  name: string,
  offsetText: string | undefined,
  value: string,
): TagInput {
  const offset = Number(offsetText ?? 0);
  const rejectOffset = (): void => {
    if (offsetText === undefined) return;
    throw usageError(option, 'this tag has no offset', `Leave "@${offsetText}" out.`);
  };
  return blaming(option, REMEDY, () => {
    switch (name) {
      case 'notify':
      case 'subkey':
        rejectOffset();
        return coreTag({ name, key: parsePublicKey(option, value) });
      case 'user-mention':
        return coreTag({ name: 'userMention', offset, key: parsePublicKey(option, value) });
      case 'server-mention':
        return coreTag({ name: 'serverMention', offset, key: parsePublicKey(option, value) });
      case 'nostr-sister':
        rejectOffset();
        return coreTag({ name: 'nostrSister', nostrId: hexDecode(value) });
      case 'reply':
      case 'root':
        rejectOffset();
        return coreTag({ name, ...kindAndReference(option, value) });
      case 'quote':
        return coreTag({ name, offset, ...kindAndReference(option, value) });
      case 'url':
      case 'image':
      case 'video':
        if (!URL.canParse(value)) throw usageError(option, `"${value}" is no URL`, REMEDY);
        return coreTag({ name, offset, url: value });
      default:
        throw usageError(option, 'there is no tag of that name', REMEDY);
    }
  });
}

function kindAndReference(option: string, value: string): { kind: Kind; reference: Reference } {
  const comma = value.lastIndexOf(',');
  const reference = parseReference(option, value.slice(comma + 1));
  if (comma >= 0) return { kind: parseKind(option, value.slice(0, comma)), reference };
  if (referenceKind(reference) === 'address') return { kind: reference.subarray(8, 16), reference };
  throw usageError(
    option,
    'the kind of the record referred to is missing, and an ID does not hold it',
    'Put it before the reference: reply=microblog-root,moref0…',
  );
}
