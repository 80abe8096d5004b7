/** What every service of the cluster needs; see the README for a tour. */
export {
  type BatchLimit,
  BoundedQueue,
  type BoundedQueueOptions,
} from './bounded-queue.ts';
export { type Environment, readConfig, type ReadConfigOptions } from './config.ts';
export { ConfigError, isConfigError } from './config-error.ts';
export { CONFIG_FILE_VARIABLE, loadConfigFile } from './config-file.ts';
export { describeConfig, renderSettingsHelp, renderSettingsMarkdown } from './config-help.ts';
export { withDeadline } from './deadline.ts';
export { type HealthServer, type HealthServerOptions, startHealthServer } from './health-server.ts';
export { formatHostPort, type HostPort, parseHostPort } from './host-port.ts';
export { type Closeable, Lifecycle, type LifecycleOptions, type StopReason } from './lifecycle.ts';
export { createLogger, type LogFormat, logFormats, type LogOptions, type LogSink } from './log.ts';
export { logSettings } from './log-settings.ts';
export { type LogFields, type Logger, type LogLevel, logLevels, silentLogger } from './logger.ts';
export {
  BATCH_BUCKETS,
  type CounterSpec,
  type GaugeSpec,
  type HistogramSpec,
  type LabelsOf,
  type LabelValues,
  LATENCY_BUCKETS,
  type MetricSpec,
  type MetricTable,
  renderMetricsMarkdown,
} from './metric-table.ts';
export {
  type CounterHandle,
  type GaugeHandle,
  type HandleOf,
  type HandlesOf,
  type HistogramHandle,
  type Labelled,
  Metrics,
  type MetricsOptions,
  timed,
} from './metrics.ts';
export { formatBytes, formatDurationMs, parseBytes, parseDurationMs } from './quantity.ts';
export {
  type FailedCheck,
  Readiness,
  type ReadinessCheck,
  type ReadinessNote,
  type ReadinessOptions,
  type ReadinessReport,
  type ServingState,
} from './readiness.ts';
export { type Main, type ProcessEvents, run, type RunOptions, runToExitCode } from './run.ts';
export { RuntimeError, type RuntimeErrorKind } from './runtime-error.ts';
export { Secret } from './secret.ts';
export { Semaphore, type SemaphoreOptions } from './semaphore.ts';
export type {
  BooleanKind,
  ConfigOf,
  EnumKind,
  HostPortKind,
  KindValue,
  ListKind,
  NumberKind,
  QuantityKind,
  ScalarKind,
  SecretKind,
  Setting,
  SettingBase,
  SettingsTable,
  StringKind,
  UrlKind,
} from './setting.ts';
export { settingTexts } from './setting-texts.ts';
export { shortKey } from './short-key.ts';
export { openTracing, type TraceConfig, type TracedProcess } from './tracing/open-tracing.ts';
export { createRequestIds, instanceName } from './tracing/request-ids.ts';
export {
  mostOf,
  noSlowLog,
  roundedMs,
  SlowLog,
  type SlowLogOptions,
  type TimesByPart,
} from './tracing/slow-log.ts';
export { traceSettings } from './tracing/trace-settings.ts';
export {
  noTracer,
  type Span,
  type SpanAttributes,
  type SpanKind,
  type SpanStart,
  type TraceContext,
  traced,
  type Tracer,
} from './tracing/tracer.ts';
