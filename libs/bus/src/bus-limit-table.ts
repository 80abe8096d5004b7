/** What each bound of the bus counts and what happens beyond it, for docs/limits.md. */
import type { BusLimits } from './bus-limits.ts';

/** One bound, in words; its value is in BUS_LIMITS. */
export interface BusLimitWords {
  /** What is counted. */
  readonly what: string;
  /** What happens beyond it. */
  readonly overflow: string;
}

/** Every bound in words. */
export const BUS_LIMIT_WORDS: Readonly<Record<keyof BusLimits, BusLimitWords>> = {
  startTimeoutMs: {
    what: 'milliseconds for which the first connection is tried',
    overflow: 'the start fails',
  },
  connectTimeoutMs: {
    what: 'milliseconds for one attempt to connect',
    overflow: 'the next server is tried',
  },
  pingIntervalMs: {
    what: 'milliseconds between two questions to the server whether it lives',
    overflow: 'after three without an answer another server is tried',
  },
  requestTimeoutMs: {
    what: 'milliseconds for the answer to a request',
    overflow: 'it fails: the client is told TEMPORARY_ERROR',
  },
  retryPauseMs: {
    what: 'milliseconds after which a request that found nobody is sent again',
    overflow: 'then it fails',
  },
  reconnectSettleMs: {
    what: 'milliseconds after a lost connection in which requests go on asking where nobody is there',
    overflow: 'then the role counts as absent',
  },
  requestsMax: {
    what: 'requests of one process that wait for answers',
    overflow: 'the request fails: the client is told TOO_FAST',
  },
  requestBytesMax: {
    what: 'bytes of the requests that wait for answers',
    overflow: 'the request fails: the client is told TOO_FAST; one larger request goes alone',
  },
  servedMax: {
    what: 'requests that one worker works on',
    overflow: 'the request is refused: the client is told TOO_FAST',
  },
  servedBytesMax: {
    what: 'bytes of the requests that one worker works on',
    overflow: 'the request is refused: the client is told TOO_FAST',
  },
  replyBytesMax: {
    what: 'bytes of one reply in parts',
    overflow: 'the request fails: the client is told PERSISTENT_ERROR',
  },
  unsentBytesMax: {
    what: 'bytes that the server has not taken yet',
    overflow: 'live records are dropped; listeners notice, and look in storage',
  },
  absenceMs: {
    what: 'milliseconds for which a role that nobody served counts as absent',
    overflow: 'then it is asked again',
  },
  beatIntervalMs: {
    what: 'milliseconds between two beats of a publisher that has nothing to publish',
    overflow: 'the last number is sent again',
  },
  silenceMs: {
    what: 'milliseconds without a word of a publisher',
    overflow: 'it may be gone: listeners look in storage for what it has not published',
  },
  gapMarginMs: {
    what: 'milliseconds between receiving a record and publishing it that a gap reaches back',
    overflow: 'a record published later may be missed by a gap',
  },
  syncTimeoutMs: {
    what: 'milliseconds for all publishers to confirm a new interest',
    overflow: 'the interest counts as known; the gateway looks in storage a little later anyway',
  },
  settleMs: {
    what: 'milliseconds after which a new interest is known wherever records are published',
    overflow: 'a record published before and missed is found with the next gap only',
  },
  discoveryMs: {
    what: 'milliseconds for which a new listener waits for publishers that it does not know',
    overflow: 'it goes on with those it has heard',
  },
  offerTimeoutMs: {
    what: 'milliseconds for a gateway to say that it takes an ephemeral record',
    overflow: 'nobody took it: NO_CONSUMERS',
  },
  tagsMax: {
    what: 'tags of a record that it is published under',
    overflow: 'one copy for everybody who listens to tags takes their place',
  },
  tagCopyBytesMax: {
    what: 'bytes of the copies of a record for its tags',
    overflow: 'one copy for everybody who listens to tags takes their place',
  },
  readerCopyBytesMax: {
    what: 'bytes of the copies of a private record for its readers',
    overflow:
      'their gateways are told to look in storage; an ephemeral record reaches fewer readers',
  },
  publishersMax: {
    what: 'publishers that are remembered',
    overflow: 'the one heard longest ago is forgotten, and new when it is heard again',
  },
  questionsMax: {
    what: 'questions of operators that a process answers at a time',
    overflow: 'a further one gets no answer from it: the command does without',
  },
  closeTimeoutMs: {
    what: 'milliseconds for leaving in peace',
    overflow: 'the connection is cut',
  },
};
