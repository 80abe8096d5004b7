/** How gateways and roles reach each other, in one process or over NATS. */
export type { BusCounters } from './bus-counters.ts';
export { BUS_LIMITS, type BusLimits, PAYLOAD_BYTES_MIN } from './bus-limits.ts';
export { MemoryBus } from './bus-memory.ts';
export { type BusTracing, connectNatsBus, type NatsBus, type NatsBusOptions } from './bus-nats.ts';
export {
  type Bus,
  type Cursor,
  type GetRequest,
  type LiveGapHandler,
  type LiveHandler,
  type LiveInterest,
  type LiveListener,
  type LiveRecord,
  type Page,
  type PageBudget,
  type QueryRequest,
  ROLE_NAMES,
  type RoleName,
  type RoleService,
  type ServedRecord,
  type Submission,
} from './contract.ts';
export type { NatsConnectOptions, NatsIdentity, NatsTls } from './nats-connect.ts';
