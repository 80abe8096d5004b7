/**
 * Questions of operators to all processes at once, whatever their role: what they go by and what is in
 * their memory. Nobody serves clients by the answers, so a question that is lost is asked again by hand.
 */
import type { BusCounters } from './bus-counters.ts';
import type { BusLimits } from './bus-limits.ts';
import type { Subjects } from './live-subjects.ts';
import type { NatsLink } from './nats-link.ts';
import { decodeAsk, decodeTold, encodeAsk, encodeTold } from './question-codec.ts';
import type { Requester } from './requester.ts';

/** Answers a question; both are JSON in UTF-8. What it throws is told, and not answered. */
export type AnswerProcessQuestion = (question: Uint8Array) => Promise<Uint8Array>;

/** How long answers are waited for. */
export interface AskAllOptions {
  /** For the first one, and for all together, in milliseconds; 3,000 by default. */
  readonly timeoutMs?: number | undefined;
  /** For one more after each, in milliseconds; 500 by default. */
  readonly quietMs?: number | undefined;
}

/** What questions travel over. */
export interface ProcessQuestionsOptions {
  readonly link: NatsLink;
  readonly subjects: Pick<Subjects, 'ask'>;
  readonly limits: Pick<BusLimits, 'questionsMax'>;
  readonly counters: BusCounters;
  readonly requester: Requester;
  /** Told of what answering throws. */
  readonly failed: (error: unknown) => void;
}

const TIMEOUT_MS = 3_000;
const QUIET_MS = 500;
/** Answers to one question that are taken. */
const ANSWERS_TAKEN_MAX = 10_000;

/** Asks, and answers. */
export class ProcessQuestions {
  readonly #options: ProcessQuestionsOptions;
  #running = 0;

  constructor(options: ProcessQuestionsOptions) {
    this.#options = options;
  }

  /** Answers questions until the returned function is called. */
  answer(answer: AnswerProcessQuestion): () => void {
    const { link, subjects, limits } = this.#options;
    const subscription = link.subscribe(subjects.ask, {
      callback: (error, { data, reply }) => {
        if (error !== null || reply === undefined || reply === '') return;
        if (this.#running < limits.questionsMax) void this.#answer(answer, data, reply);
      },
    });
    return () => subscription.unsubscribe();
  }

  /** Asks every process that answers. Never rejects: where nobody answers, there are no answers. */
  async askAll(
    question: Uint8Array,
    { timeoutMs = TIMEOUT_MS, quietMs = QUIET_MS }: AskAllOptions = {},
  ): Promise<Uint8Array[]> {
    const { link, subjects, requester, counters } = this.#options;
    const answers: Uint8Array[] = [];
    let end = (): void => {};
    const ended = new Promise<void>((resolve) => (end = resolve));
    const late = setTimeout(end, timeoutMs);
    let quiet: NodeJS.Timeout | undefined;
    const inbox = requester.open((message) => {
      // Nobody listens at all.
      if (message === undefined) return end();
      try {
        answers.push(decodeTold(message));
      } catch {
        counters.malformed += 1;
        return;
      }
      if (answers.length >= ANSWERS_TAKEN_MAX) return end();
      clearTimeout(quiet);
      quiet = setTimeout(() => void settle(), quietMs);
    });
    /** What has come meanwhile may be unread yet, where this process was busy. */
    const settle = async (): Promise<void> => {
      const known = answers.length;
      await link.flush();
      if (answers.length === known) end();
    };
    if (link.publish(subjects.ask, encodeAsk(question), inbox.subject)) await ended;
    clearTimeout(late);
    clearTimeout(quiet);
    inbox.close();
    return answers;
  }

  async #answer(answer: AnswerProcessQuestion, data: Uint8Array, reply: string): Promise<void> {
    const { link, counters, failed } = this.#options;
    this.#running += 1;
    try {
      const told = await answer(decodeAsk(data));
      link.publish(reply, encodeTold(told));
    } catch (error) {
      counters.malformed += 1;
      failed(error);
    } finally {
      this.#running -= 1;
    }
  }
}
