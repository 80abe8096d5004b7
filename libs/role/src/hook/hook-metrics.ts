/** How the policy hook does, as metrics. */
import type { Metrics } from '@mosaic-cluster/runtime';
import { HOOK_ANSWERS, type HookEvents, type PolicyHook } from './policy-hook.ts';

/** The metrics of a policy hook. */
export interface HookMetrics {
  readonly hookEvents: HookEvents;
  watchHook(hook: Pick<PolicyHook, 'waiting' | 'restarts'>): void;
}

/** Defines the metrics of a policy hook in a process. */
export function defineHookMetrics(metrics: Metrics): HookMetrics {
  const { answers, seconds, useless, restarts, waiting } = metrics.define({
    answers: {
      type: 'counter',
      name: 'mosaic_policy_hook_answers_total',
      help: 'Records that the policy hook was asked about, by its decision, or by why it made none.',
      labels: { answer: HOOK_ANSWERS },
    },
    seconds: {
      type: 'histogram',
      name: 'mosaic_policy_hook_answer_seconds',
      help: 'From the question to the policy hook to its decision.',
      buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15],
    },
    useless: {
      type: 'counter',
      name: 'mosaic_policy_hook_useless_lines_total',
      help: 'Lines of the policy hook that answer nothing, or too late.',
    },
    restarts: {
      type: 'counter',
      name: 'mosaic_policy_hook_restarts_total',
      help: 'Times that the policy hook was started again.',
    },
    waiting: {
      type: 'gauge',
      name: 'mosaic_policy_hook_waiting_records',
      help: 'Records that wait for the policy hook.',
    },
  });
  return {
    hookEvents: {
      answered: (answer, took) => {
        answers.with({ answer }).increment();
        seconds.observe(took);
      },
      useless: () => useless.increment(),
    },
    watchHook: (hook) => {
      restarts.readFrom(() => hook.restarts);
      waiting.readFrom(() => hook.waiting);
    },
  };
}
