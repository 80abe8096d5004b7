/**
 * Abuse control, as a gateway uses it: who may come in, what each message costs, what misbehaviour
 * leads to. Everything is answered at once.
 */
import type { PublicKey, ResultCode } from '@mosaic-cluster/protocol';
import type { Standing, SubjectName } from './subject.ts';

/** What somebody did that no honest client does, or rarely. */
export const OFFENCES = [
  /** A record whose hash or signature is wrong, or that is none. */
  'invalid-record',
  /** A message that cannot be read. */
  'malformed-message',
  /** A message that only servers send, or text. */
  'server-message',
  /** A message larger than any. */
  'oversized-message',
  /** A TLS or WebSocket handshake that failed or took too long. */
  'failed-handshake',
  /** A submission that was refused for what it is: not for this server, too large. */
  'refused-submission',
  /** Went on after a budget was used up. */
  'over-budget',
] as const;
/** One of {@link OFFENCES}. */
export type Offence = (typeof OFFENCES)[number];

/** Somebody who is not let in. */
export interface TurnedAway {
  /** 39 TOO_FAST or 48 to 51, for Closing. */
  readonly result: ResultCode;
  /** When trying again can succeed, in milliseconds since 1970; undefined: never. */
  readonly untilMs: number | undefined;
}

/** Who connected. */
export interface Arrival {
  /** As `ClientSocket.remoteAddress`. */
  readonly address: string;
  /** The key that the connection proved; undefined: anonymous. */
  readonly key: PublicKey | undefined;
  /** What is known of the key already; undefined: that it was proved, and no more. */
  readonly standing?: Standing | undefined;
}

/** One connection. */
export interface Visitor {
  readonly standing: Standing;
  /**
   * As whom it shares with others what a process has little of: as its key, where somebody vouches for
   * it; else as its address, or the IPv6 network around it, since keys and addresses there cost nothing.
   * Who is anonymous at an allowed address shares as itself alone: that may be a proxy for many.
   */
  readonly sharesAs: SubjectName;
  /** It turned out who this is: better budgets from now on. */
  setStanding(standing: Standing): void;
  /** Pays for a message and its bytes. False: over budget, the message is refused with TOO_FAST. */
  message(bytes: number): boolean;
  /** Whether it may go on with a long message before its end. False: it owes for {@link wasted} ones. */
  mayReceive(): boolean;
  /** Pays for bytes of a message that never came to its end; may leave a debt. */
  wasted(bytes: number): void;
  /** Pays for a submission. False: TOO_FAST. */
  submission(): boolean;
  /** A submission that was paid for costs as much as so many more; may leave a debt. */
  submitsMore(count: number): void;
  /** Whether a query may begin or go on to its next page. False: TOO_FAST. */
  mayQuery(): boolean;
  /** Whether it owes for queries: as {@link mayQuery} would refuse, but asking is no offence. */
  owesForQueries(): boolean;
  /** Pays for a page of a query. */
  queried(scanned: number, bytes: number): void;
  /** Takes places for a subscription, all or none. False: TOO_FAST. */
  subscribe(places: number): boolean;
  /** Gives them back. */
  unsubscribe(places: number): void;
  /** It did something. Where that leads to a ban, `banned` is called, perhaps at once. */
  offended(offence: Offence): void;
  /** It is gone: gives everything back. */
  close(): void;
}

/** Lets people in. */
export interface AbuseControl {
  /**
   * A connection from an address, before anything was read from it. False: cut it without a word, for
   * it floods; an address that is banned may come in, because it may prove a key that is not, or is to
   * be told.
   */
  arrives(address: string): boolean;
  /** A handshake failed. */
  handshakeFailed(address: string): void;
  /**
   * Somebody has a WebSocket.
   *
   * @param banned called at most once, when the visitor has to go: with what to say in Closing
   */
  admit(arrival: Arrival, banned: (away: TurnedAway) => void): Visitor | TurnedAway;
  /** Why it works for this process alone, or with outdated bans; undefined: all is well. */
  fault(): string | undefined;
}
