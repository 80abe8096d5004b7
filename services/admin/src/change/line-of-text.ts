/** Text that an operator writes and that is kept: one line of bounded length. */
import { usageError } from '@mosaic-cluster/client/command';

/**
 * The text, if it can be kept.
 *
 * @param bytesMax in UTF-8
 * @throws MosaicError `invalid` (`usage`)
 */
export function lineOf(option: string, text: string, bytesMax: number): string {
  if (/\p{Cc}/u.test(text)) {
    throw usageError(option, 'it holds a line end or another control character', 'Give one line.');
  }
  const { length } = Buffer.from(text);
  if (length <= bytesMax) return text;
  throw usageError(option, `it has ${length} bytes`, `Give at most ${bytesMax}.`);
}
