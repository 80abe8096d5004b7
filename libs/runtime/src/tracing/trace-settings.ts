/** The settings of traces and of what counts as slow, which every service has. */

/** Whether and what to trace, and from when on an operation is told as slow. */
export const traceSettings = {
  traces: {
    name: 'MOSAIC_TRACES',
    type: 'url',
    canBeOff: true,
    default: 'off',
    doc: 'Where traces are sent: the address of an OpenTelemetry collector that takes OTLP over HTTP, like http://collector:4318. Without a path, /v1/traces is added.',
  },
  tracesSample: {
    name: 'MOSAIC_TRACES_SAMPLE',
    type: 'number',
    min: 0,
    max: 1,
    default: 0.01,
    doc: 'The share of the requests of clients that are traced, decided by the gateway: 0.01 is one of a hundred, 0 none.',
  },
  slowAfter: {
    name: 'MOSAIC_SLOW_AFTER',
    type: 'duration',
    min: '0s',
    max: '1h',
    default: '2s',
    doc: 'A submission or query that takes at least this long is told in the log, with its request id and where the time went; 0s: none is.',
  },
} as const;
