/** Where the command writes to: results and what goes on are apart, so that results can be piped. */
export interface Output {
  /** A line of the result. */
  write(line: string): void;
  /** A line about what goes on. */
  say(line: string): void;
}
