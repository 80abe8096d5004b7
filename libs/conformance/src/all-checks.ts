/** Every check there is, area by area. */
import type { Check } from './check.ts';
import { authorityChecks } from './checks/authority-author.ts';
import { scheduleChecks } from './checks/authority-schedule.ts';
import { malformedChecks } from './checks/framing-malformed.ts';
import { typeChecks } from './checks/framing-types.ts';
import { websocketChecks } from './checks/framing-websocket.ts';
import { getChecks } from './checks/get.ts';
import { handlingChecks } from './checks/handling.ts';
import { tlsChecks } from './checks/handshake-tls.ts';
import { upgradeChecks } from './checks/handshake-upgrade.ts';
import { resultChecks } from './checks/submission-results.ts';
import { validationChecks } from './checks/submission-validation.ts';

/** All checks. Names are unique. */
export const allChecks: readonly Check[] = [
  ...upgradeChecks,
  ...tlsChecks,
  ...malformedChecks,
  ...typeChecks,
  ...websocketChecks,
  ...resultChecks,
  ...validationChecks,
  ...authorityChecks,
  ...scheduleChecks,
  ...getChecks,
  ...handlingChecks,
];
