/** The outbox role. */
export { outboxPolicy } from './policy.ts';
