/** The settings of logging, which every service has. */

/** How and what to log. */
export const logSettings = {
  log: {
    name: 'MOSAIC_LOG',
    type: 'enum',
    values: ['json', 'pretty', 'auto'],
    default: 'auto',
    doc: 'How to log: json lines, pretty for people, or auto: pretty where stdout is a terminal.',
  },
  logLevel: {
    name: 'MOSAIC_LOG_LEVEL',
    type: 'enum',
    values: ['trace', 'debug', 'info', 'warn', 'error', 'fatal', 'silent'],
    default: 'info',
    doc: 'What to log.',
  },
} as const;
