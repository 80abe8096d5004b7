/** Tells from a location alone how large the record there is, whichever log it belongs to. */
import { MosaicError, readU32BE } from '@mosaic-cluster/protocol';
import { LOCATION_BYTES } from './segment-address.ts';
import type { Location } from './segment-log.ts';
import { OBJECT_LOCATION_BYTES } from './segment-log-objects-address.ts';

/**
 * Bytes of the record at a location; nothing is read.
 *
 * @throws MosaicError `invalid` (`location`) where it is none
 */
export function recordBytesAt(location: Location): number {
  // Both kinds of location end with it.
  if (location.length === LOCATION_BYTES) return readU32BE(location, 8);
  if (location.length === OBJECT_LOCATION_BYTES) return readU32BE(location, 12) & 0xff_ffff;
  throw new MosaicError('invalid', 'location', `a location has no ${location.length} bytes`);
}
