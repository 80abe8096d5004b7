/** What an operator should know of a segment log, as data and as a sentence. */

/** Something that was noticed. */
export type SegmentWarning =
  /** The newest segment ended in a commit that nobody was told of; it was cut off. */
  | {
      readonly event: 'torn-tail';
      readonly file: string;
      readonly offset: number;
      readonly bytes: number;
    }
  /** A file in the folder is no segment; it is left alone. */
  | { readonly event: 'foreign-file'; readonly file: string }
  /** An older segment's footer cannot be read; its records are served all the same. */
  | { readonly event: 'footer-damaged'; readonly file: string; readonly offset: number }
  /** A segment that was being begun when the process ended was removed; it held nothing. */
  | { readonly event: 'unfinished-segment'; readonly file: string }
  /** Another server keys segments by a clock that is ahead of this machine's. */
  | { readonly event: 'clocks-differ'; readonly file: string; readonly aheadMs: number }
  | { readonly event: 'not-writable'; readonly why: string }
  | { readonly event: 'writable-again' };

/** The warning as a sentence. */
export function describeWarning(warning: SegmentWarning): string {
  switch (warning.event) {
    case 'torn-tail':
      return `cut ${warning.bytes} bytes off ${warning.file} at byte ${warning.offset}: a commit that was under way when the server ended and that nobody was told of`;
    case 'foreign-file':
      return `${warning.file} is no segment; it is left alone, but does not belong here`;
    case 'footer-damaged':
      return `the footer of ${warning.file} at byte ${warning.offset} is damaged; its records are served, but it should be verified and restored from a backup`;
    case 'unfinished-segment':
      return `removed ${warning.file}, which was being begun when the server ended and held nothing`;
    case 'clocks-differ':
      return `${warning.file} was begun ${warning.aheadMs} ms in this machine's future: set the clocks of all servers, or records of this one may be passed over when an index is brought up to date`;
    case 'not-writable':
      return warning.why;
    case 'writable-again':
      return 'the segment log takes records again';
  }
}
