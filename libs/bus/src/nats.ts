/** The bus over NATS. An entry of its own, so that one process alone need not load a NATS client. */
export type { BusCounters } from './bus-counters.ts';
export { BUS_LIMITS, type BusLimits, PAYLOAD_BYTES_MIN } from './bus-limits.ts';
export { connectNatsBus, type NatsBus, type NatsBusOptions } from './bus-nats.ts';
export type { AnswerProcessQuestion, AskAllOptions } from './process-questions.ts';
export type { NatsConnectOptions, NatsIdentity, NatsTls } from './nats-connect.ts';
