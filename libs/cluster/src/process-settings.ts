/** The settings that every process of a cluster has: what it says about itself, how long it waits. */
import { logSettings, traceSettings } from '@mosaic-cluster/runtime';

const own = {
  healthListen: {
    name: 'MOSAIC_HEALTH_LISTEN',
    type: 'hostPort',
    canBeOff: false,
    default: '127.0.0.1:8445',
    doc: 'Where /livez, /readyz and /metrics are served, from the first moment on. Port 0 takes any free one; use 0.0.0.0 to be reached from other machines.',
  },
  startTimeout: {
    name: 'MOSAIC_START_TIMEOUT',
    type: 'duration',
    min: '1s',
    default: '5m',
    doc: 'How long the start waits for NATS, Redis and the object store. After that the process ends with an error.',
  },
} as const;

/** Settings of every process of a cluster. */
export const processSettings: typeof own & typeof logSettings & typeof traceSettings = {
  ...own,
  ...logSettings,
  ...traceSettings,
};
