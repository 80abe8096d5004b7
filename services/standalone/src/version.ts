/** The version of the embedded server. */
export const VERSION = '0.1.0';
