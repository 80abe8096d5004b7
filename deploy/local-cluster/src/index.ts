/** A cluster on one machine, for people, tests and programs. */
export {
  LocalCluster,
  type LocalClusterOptions,
  startLocalCluster,
  untilReady,
} from './local-cluster.ts';
export { BUCKET } from './servers.ts';
export { jsonReport, prettyReport, type Report, type ReportLine } from './report.ts';
export type { ReadyFacts, ServiceProcess } from './service-process.ts';
