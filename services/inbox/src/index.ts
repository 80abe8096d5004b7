/** The inbox role. */
export { inboxPolicy, type Moderation, moderationSetting } from './policy.ts';
