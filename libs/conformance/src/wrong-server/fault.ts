/**
 * What can be made wrong with a server from outside: a man in the middle that corrupts one
 * behaviour of a right one. A fault is told what the client asks and rewrites what the server
 * answers.
 */

/** A corruption at work on one connection. Messages are whole, one WebSocket message each. */
export interface Corruption {
  /** Rewrites a client's message; the same array back: it is passed on as it came. */
  readonly request?: (message: Uint8Array) => Uint8Array;
  /** Messages to send to the client in place of the server's. */
  readonly answer?: (message: Uint8Array) => readonly Uint8Array[];
}

/** One rule broken. */
export interface Fault {
  /** kebab-case. */
  readonly name: string;
  /** What the wrong server does, as a sentence. */
  readonly title: string;
  /** Rewrites the head of the answer to the upgrade. */
  readonly head?: (answer: string, request: string) => string;
  /** Called for each connection of one wrong server. */
  readonly corrupt: () => Corruption;
}
