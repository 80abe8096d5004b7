/** Every attack, in the order in which they are tried. */
import type { Attack } from '../attack.ts';
import { CROWD_ATTACKS } from './crowds.ts';
import { DOOR_ATTACKS } from './doors.ts';
import { FRAME_ATTACKS } from './frames.ts';
import { QUESTION_ATTACKS } from './questions.ts';
import { SUBMISSION_ATTACKS } from './submissions.ts';

/** All of them. */
export const ATTACKS: readonly Attack[] = [
  ...CROWD_ATTACKS,
  ...DOOR_ATTACKS,
  ...FRAME_ATTACKS,
  ...SUBMISSION_ATTACKS,
  ...QUESTION_ATTACKS,
];
