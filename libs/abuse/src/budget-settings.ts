/** The settings of budgets, which gateways and workers have alike. */

/** Settings of budgets. */
export const budgetSettings = {
  limits: {
    name: 'MOSAIC_LIMITS',
    type: 'boolean',
    default: true,
    doc: 'Whether clients are limited in what they may ask for at once, and authors in what they may store. Turn it off only to measure: bounds that protect memory stay.',
  },
  budgets: {
    name: 'MOSAIC_BUDGETS',
    type: 'string',
    lengthMax: 65_536,
    fromFile: true,
    optional: true,
    doc: 'Changes to the budgets of docs/limits.md, such as `submissions.address.anonymous=20/s:200, connections.key.*=100`.',
  },
} as const;
