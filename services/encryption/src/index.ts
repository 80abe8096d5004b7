/** The encryption role. */
export { encryptionPolicy } from './policy.ts';
