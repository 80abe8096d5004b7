/** Runs a command that changes facts: opens them, does it, tells what it came to, closes them. */
import type { Host } from '@mosaic-cluster/client/command';
import { type Facts, openFacts } from '../place/open-facts.ts';
import type { PlaceOptions } from '../place/place-options.ts';
import { type ChangeContext, changeListed, type ListedChange } from './change-listed.ts';
import { type ChangeOptions, operatorOf } from './change-options.ts';
import { tellChange } from './change-report.ts';
import type { Listed } from './read-list.ts';

/** The options of a command that changes facts. */
export type ChangeCommandOptions = PlaceOptions & ChangeOptions;

/**
 * Changes what is listed in the registry that the options name.
 *
 * @param change what to do, by whom, on these facts
 */
export async function runChange<Value, Outcome extends string>(
  host: Host,
  options: ChangeCommandOptions,
  list: readonly Listed<Value>[],
  change: (facts: Facts, by: string) => ListedChange<Value, Outcome>,
): Promise<void> {
  const by = operatorOf(options);
  const isDry = options.dryRun === true;
  const facts = await openFacts(options, !isDry);
  try {
    const context: ChangeContext = { facts, by, isDry, now: () => host.now() };
    const made = change(facts, by);
    const result = await changeListed(context, list, made);
    tellChange(host, made.action, context, result, options.json === true);
  } finally {
    await facts.close();
  }
}
