/** What all processes of a cluster share; what only role workers need is in `worker`. */
export { type BusConfig, busProblems, busSettings } from './bus-settings.ts';
export {
  certificatesOf,
  type CertificateUse,
  defineCertificateMetrics,
} from './certificate-metrics.ts';
export { openBus } from './open-bus.ts';
export { type PatienceOptions, withPatience } from './patience.ts';
export { processSettings } from './process-settings.ts';
export { runService, type Service, type ServiceConfig, type ServiceSpec } from './service.ts';
export { VERSION } from './version.ts';
