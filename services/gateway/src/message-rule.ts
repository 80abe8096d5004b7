/** What the gateway does with a message, by its first byte alone. */
import { MESSAGE } from '@mosaic-cluster/protocol';

/** How a type of message is treated when it comes from a client. */
export type MessageRule =
  | 'request'
  | 'submission'
  /** Says that the client did not understand something; there is nothing to answer. */
  | 'ignored'
  /** Only servers send it. */
  | 'violation'
  /** Not known here, be it from a later edition or an extension. */
  | 'unrecognized';

const RULES: readonly MessageRule[] = Array.from({ length: 256 }, (_, type): MessageRule => {
  if (type >= MESSAGE.get && type <= MESSAGE.unsubscribe) return 'request';
  if (type === MESSAGE.submission) return 'submission';
  if (type === MESSAGE.unrecognized) return 'ignored';
  const isServerType = type >= MESSAGE.record && type <= MESSAGE.blobResult;
  if (isServerType || type === MESSAGE.helloAck || type === MESSAGE.closing) return 'violation';
  return 'unrecognized';
});

/** The rule for a message; an empty one is as wrong as one that only servers send. */
export function messageRule(bytes: Uint8Array): MessageRule {
  return RULES[bytes[0] ?? MESSAGE.closing]!;
}
