/** The inbox role. */
export { inboxPolicy, type Moderation } from './policy.ts';
