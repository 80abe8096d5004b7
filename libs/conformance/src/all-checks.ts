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
import { inboxChecks } from './checks/inbox.ts';
import { privacyChecks } from './checks/privacy-readers.ts';
import { subkeyReaderChecks } from './checks/privacy-subkeys.ts';
import { boundChecks } from './checks/query-bounds.ts';
import { elementChecks } from './checks/query-elements.ts';
import { malformedFilterChecks } from './checks/query-malformed.ts';
import { queryChecks } from './checks/query-results.ts';
import { fieldChecks } from './checks/submission-fields.ts';
import { lengthChecks } from './checks/submission-lengths.ts';
import { proofChecks } from './checks/submission-proof.ts';
import { resultChecks } from './checks/submission-results.ts';
import { subscriptionLifeChecks } from './checks/subscribe-life.ts';
import { subscribeChecks } from './checks/subscribe-records.ts';
import { twoUrlChecks } from './checks/two-urls.ts';

/** All checks. Names are unique. */
export const allChecks: readonly Check[] = [
  ...upgradeChecks,
  ...tlsChecks,
  ...malformedChecks,
  ...typeChecks,
  ...websocketChecks,
  ...resultChecks,
  ...lengthChecks,
  ...fieldChecks,
  ...proofChecks,
  ...handlingChecks,
  ...authorityChecks,
  ...scheduleChecks,
  ...getChecks,
  ...elementChecks,
  ...boundChecks,
  ...malformedFilterChecks,
  ...queryChecks,
  ...subscribeChecks,
  ...subscriptionLifeChecks,
  ...privacyChecks,
  ...subkeyReaderChecks,
  ...inboxChecks,
  ...twoUrlChecks,
];
