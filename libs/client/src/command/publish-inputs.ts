/**
 * From what the user named to the records or streams that it stands for.
 */
import { existsSync } from 'node:fs';
import { safeText } from './display-text.ts';
import { usageError } from './exit-code.ts';
import type { Host } from './host.ts';
import type { PublishInput } from './publish-feed.ts';
import { fromLine } from './record-source.ts';

const REMEDY = 'Give morecord0…, hex, base64, @FILE, or - for standard input.';

/**
 * The inputs of `mosaic publish`; standard input where none is named.
 *
 * @throws MosaicError `invalid` with code `usage`
 */
export function publishInputs(host: Host, texts: readonly string[]): PublishInput[] {
  if (texts.length === 0 && host.isInputTerminal) {
    throw usageError(
      'RECORD',
      'there is nothing to publish',
      "Make a record with --text 'Hello' --secret @me.key, name files as @FILE, or pipe some in.",
    );
  }
  return (texts.length === 0 ? ['-'] : texts).map((text, at) => {
    if (text === '-') return host.openInput('RECORD');
    if (text.startsWith('@')) return host.openFile('RECORD', text.slice(1));
    const found = fromLine(text, `RECORD ${at + 1}`);
    if (found.fault === undefined) return found;
    const isFile = text.length < 256 && existsSync(text);
    const hint = isFile ? `There is a file of that name: @${safeText(text)} reads it.` : REMEDY;
    throw usageError(`RECORD ${at + 1}`, found.fault.message.replace(/^[^:]*: /, ''), hint);
  });
}
