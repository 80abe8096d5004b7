/** Looks after what a Mosaic server keeps. */
export { createProgram, run } from './program.ts';
