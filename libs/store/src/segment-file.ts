/**
 * What the log knows of one segment file, and the names of such files:
 *
 *     0000000042-20261123T094417Z.segment
 *     └ number ┘ └ when it was begun ┘       `.new` behind it while it is being made
 */
import { type Timestamp, timestampToMillis } from '@mosaic-cluster/protocol';
import { type Block, BLOCK_SHIFT, type SegmentBlocks } from './segment-cache.ts';
import { encodeLocation, encodePosition } from './segment-address.ts';
import type { SegmentCuts } from './segment-cuts.ts';
import type { SegmentHeader } from './segment-format.ts';
import type { Location, LogPosition } from './segment-log.ts';

const NAME = /^(\d{10})-\d{8}T\d{6}Z\.segment$/;
const UNFINISHED = /^\d{10}-\d{8}T\d{6}Z\.segment\.new$/;

/** The name of a segment's file. */
export function segmentName(number: number, createdAt: Timestamp): string {
  const iso = new Date(timestampToMillis(createdAt)).toISOString();
  const time = iso.replace(/\.\d+Z$/, 'Z').replace(/[-:]/g, '');
  return `${String(number).padStart(10, '0')}-${time}.segment`;
}

/** The name of the file while it is being made. */
export function unfinishedName(name: string): string {
  return `${name}.new`;
}

/** Whether the file is one that a crash left unfinished. */
export function isUnfinishedName(name: string): boolean {
  return UNFINISHED.test(name);
}

/** The segment number in a file's name; undefined: it is no segment's. */
export function segmentNumberOf(name: string): number | undefined {
  const digits = NAME.exec(name)?.[1];
  return digits === undefined ? undefined : Number(digits);
}

/** A segment, for tools. */
export interface SegmentInfo {
  /** The file's name. */
  readonly name: string;
  readonly number: number;
  readonly createdAt: Timestamp;
  /** Of the file, footer included. */
  readonly bytes: number;
  /** Undefined where only a scan can tell. */
  readonly entries: number | undefined;
  /** Whether it has its footer and will not grow. */
  readonly closed: boolean;
}

/** A segment file of an open log. */
export class SegmentFile {
  readonly name: string;
  readonly header: SegmentHeader;
  /** Behind the last durable frame; entries lie before it. */
  framesEnd: number;
  frames = 0;
  entries: number | undefined = 0;
  /** Of the file. */
  bytes: number;
  closed = false;
  /** What was cut out of it; undefined: nothing. */
  cuts: SegmentCuts | undefined;
  readonly blocks: SegmentBlocks = new Map();
  /** The block that is being filled, of the segment that is being written. */
  tail: Block | undefined;
  tailIndex = -1;

  constructor(name: string, header: SegmentHeader, bytes: number) {
    this.name = name;
    this.header = header;
    this.framesEnd = bytes;
    this.bytes = bytes;
  }

  get number(): number {
    return this.header.number;
  }

  get info(): SegmentInfo {
    const { name, number, bytes, entries, closed } = this;
    return { name, number, createdAt: this.header.createdAt, bytes, entries, closed };
  }

  /** Where in the file an entry is, by the offset in its location; undefined: it was cut out. */
  physicalOf(offset: number): number | undefined {
    return this.cuts === undefined ? offset : this.cuts.physicalOf(offset);
  }

  /** Where in the file a position is. */
  placeOf(offset: number): number {
    return this.cuts === undefined ? offset : this.cuts.placeOf(offset);
  }

  /** The location of an entry at a place in the file. */
  readonly locate = (physical: number, recordBytes: number): Location =>
    encodeLocation(this.number, this.logicalOf(physical), recordBytes);

  /** The position of a place in the file. */
  positionAt(physical: number): LogPosition {
    return encodePosition(this.number, this.logicalOf(physical));
  }

  /** The offset by which locations and positions name a place in the file. */
  logicalOf(physical: number): number {
    return this.cuts === undefined ? physical : this.cuts.logicalOf(physical);
  }

  /** The block with this number where it is in memory. */
  block(index: number): Block | undefined {
    if (index === this.tailIndex) return this.tail;
    const slot = this.blocks.get(index);
    if (slot === undefined) return undefined;
    slot.wasRead = true;
    return slot.block;
  }

  /** The block that holds the byte at `offset` where it is in memory. */
  blockAt(offset: number): Block | undefined {
    return this.block(offset >>> BLOCK_SHIFT);
  }
}
