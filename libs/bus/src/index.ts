/** How gateways and roles reach each other: the contract, and the bus within one process. */
export { MemoryBus } from './bus-memory.ts';
export {
  type Bus,
  type Cursor,
  type GetRequest,
  type LiveDoubt,
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
