/** Says what a change came to: for people, or as one JSON object. */
import type { Host } from '@mosaic-cluster/client/command';
import { effectOf } from '../place/open-facts.ts';
import { type ChangeContext, type ChangeResult, tally } from './change-listed.ts';

/** A line for each item that was named, then the sum, then when it counts. */
export function tellChange(
  host: Host,
  action: string,
  context: ChangeContext,
  result: ChangeResult,
  isJson: boolean,
): void {
  const { facts, by, isDry } = context;
  const { results, changed } = result;
  if (isJson) {
    const told = {
      type: action.replaceAll(' ', '-'),
      of: facts.name,
      served: facts.servedBy !== undefined,
      by,
      dryRun: isDry,
      inEffect: changed?.isInEffect ?? null,
      results,
    };
    host.write(`${JSON.stringify(told)}\n`);
    return;
  }
  const lines = results.map(({ on, outcome }) => `${on}  ${wordsOf(outcome)}`);
  const sum = tally(results.map(({ outcome }) => wordsOf(outcome))) || 'nothing to do';
  if (isDry) lines.push(`dry run, nothing was changed: ${sum}`);
  else if (changed === undefined) lines.push(`nothing was changed: ${sum}`);
  else lines.push(`${sum}. ${effectOf(facts, changed)}`);
  host.write(`${lines.join('\n')}\n`);
}

function wordsOf(outcome: string): string {
  return outcome.replaceAll('-', ' ');
}
