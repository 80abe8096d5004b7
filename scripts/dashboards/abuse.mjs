// What is limited, penalised and banned, and what the policy hook says.
import { chart, dashboard, figure, rate, times } from './build.mjs';

export const abuse = dashboard({
  uid: 'mosaic-abuse',
  title: 'Mosaic / Abuse',
  text: 'Who is held back, and whether that hits the right ones. mosaic-admin limits, bans and whois say who it is.',
  rows: [
    [
      'At a glance',
      figure(
        'Earned bans, 1 h',
        'none',
        'Bans earned by penalties in the last hour. Many at once: an attack, or a client that misbehaves; runbook bans-spiking.',
        'round(max(increase(mosaic_earned_bans_total{POD}[1h])))',
        50,
      ),
      figure(
        'Bans of operators',
        'none',
        'Bans of operators in force: mosaic-admin bans list. Not what you made: another operator did, mosaic-admin audit says who.',
        'max(mosaic_bans{POD})',
      ),
      figure(
        'Limits hit, 1 h',
        'none',
        'What was refused in the last hour as a budget was used up or too much was open. Below is which; mosaic-admin limits says whose.',
        'round(sum(increase(mosaic_limits_exceeded_total{POD}[1h])))',
      ),
      figure(
        'Turned away, 1 h',
        'none',
        'Connections turned away or ended in the last hour for bans and limits. Honest people among them: mosaic-admin whois, bans remove.',
        'round(sum(increase(mosaic_turned_away_total{POD}[1h])))',
      ),
      figure(
        'Alone',
        'none',
        'Gateways whose limits hold for themselves only, as Redis is away. Above 0: runbook abuse-control-alone.',
        'sum(mosaic_abuse_control_fault{POD})',
        1,
      ),
      figure(
        'For moderators',
        'none',
        'Records that wait for a moderator, counted up to 1,000: mosaic-admin moderation list.',
        'max(mosaic_moderation_waiting_records{POD})',
        1000,
      ),
    ],
    [
      'Limits',
      chart(
        'Limits hit',
        'ops',
        'What was refused because a budget was used up or too much was open. Many honest clients: raise that budget.',
        [`${rate('mosaic_limits_exceeded_total', 'limit')[0]} > 0`, '{{limit}}'],
      ),
      chart(
        'Turned away',
        'ops',
        'Connections turned away or ended for bans and limits. Many at once: an attack, or a balancer that hides addresses.',
        [`${rate('mosaic_turned_away_total', 'result')[0]} > 0`, '{{result}}'],
      ),
      chart(
        'Answered too fast',
        'ops',
        'Submissions and requests that were told to slow down. Clients with a good library slow down; others earn penalties.',
        [
          'sum(rate(mosaic_submission_results_total{POD,result="too_fast"}[$__rate_interval]))',
          'submissions',
        ],
        [
          'sum(rate(mosaic_query_results_total{POD,result="too_fast"}[$__rate_interval]))',
          'requests',
        ],
      ),
    ],
    [
      'Penalties',
      chart(
        'Offences',
        'ops',
        'What clients did that earns penalties. One kind alone, suddenly: a broken client or an attack of that kind.',
        [`${rate('mosaic_offences_total', 'offence')[0]} > 0`, '{{offence}}'],
      ),
      chart(
        'Bans earned',
        'ops',
        'Bans earned by penalties, by gateway that heard of them. See whom with mosaic-admin bans list.',
        rate('mosaic_earned_bans_total', 'pod'),
      ),
      chart(
        'At the door',
        'ops',
        'Connections refused before the handshake, and handshakes cut. They cost little; their number is the size of the crowd.',
        ['sum(rate(mosaic_listener_refused_total{POD}[$__rate_interval]))', 'refused'],
        ['sum(rate(mosaic_listener_handshakes_dropped_total{POD}[$__rate_interval]))', 'cut'],
        ['sum(rate(mosaic_listener_handshakes_failed_total{POD}[$__rate_interval]))', 'failed'],
      ),
    ],
    [
      'Rules and the policy hook',
      chart(
        'Refused by rules',
        'ops',
        'Records in order that an accept rule, a budget of their author (rate) or the hook refused. Many of honest people: see whether MOSAIC_ACCEPT says what was meant.',
        [`${rate('mosaic_role_refusals_total', 'role, by', 'ROLE')[0]} > 0`, '{{role}} {{by}}'],
      ),
      chart(
        'Answers of the hook',
        'ops',
        'What the policy hook decided, or why it did not; empty where there is none. late, gone, busy or malformed: MOSAIC_POLICY_HOOK_DEFAULT decided, mend the program.',
        [`${rate('mosaic_policy_hook_answers_total', 'answer')[0]} > 0`, '{{answer}}'],
      ),
      chart(
        'Delay of the hook',
        's',
        'From the question to the decision; empty where there is no hook. It is part of every submission: keep it below 10 ms.',
        ...times('mosaic_policy_hook_answer_seconds'),
      ),
      chart(
        'Waiting for the hook',
        'none',
        'Records that wait for its decision; 0 where there is no hook. Growing: it is too slow, and late answers count for nothing.',
        ['sum by (pod) (mosaic_policy_hook_waiting_records{POD})', '{{pod}}'],
      ),
      chart(
        'Trouble with the hook',
        'ops',
        'Times that the program was started again, and lines of it that answer nothing or too late. Any: see its own output in the log of the worker.',
        ['sum(rate(mosaic_policy_hook_restarts_total{POD}[$__rate_interval]))', 'restarts'],
        [
          'sum(rate(mosaic_policy_hook_useless_lines_total{POD}[$__rate_interval]))',
          'useless lines',
        ],
      ),
      chart(
        'Moderation',
        'none',
        'Records that wait for a moderator, counted up to 1,000. Growing for days: mosaic-admin moderation list; runbook moderation-waiting.',
        ['max(mosaic_moderation_waiting_records{POD})', 'waiting'],
      ),
    ],
  ],
});
