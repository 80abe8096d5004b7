/** Runs a command that changes facts: opens them, does it, tells what it came to, closes them. */
import type { Host } from '@mosaic-cluster/client/command';
import { openFactsAt } from '../place/open-facts.ts';
import { findPlace, type Place, type PlaceOptions } from '../place/place-options.ts';
import { type ChangeContext, changeListed, type ListedChange } from './change-listed.ts';
import { type ChangeOptions, operatorOf } from './change-options.ts';
import { tellChange } from './change-report.ts';
import type { Listed } from './read-list.ts';

/** The options of a command that changes facts. */
export type ChangeCommandOptions = PlaceOptions & ChangeOptions;

/** What a command is going to do. */
export interface PreparedChange<Value, Outcome extends string> {
  readonly list: readonly Listed<Value>[];
  readonly change: ListedChange<Value, Outcome>;
  /** Closes what was opened for it besides the facts. */
  readonly close?: () => Promise<void>;
}

/**
 * Changes the registry that the options name.
 *
 * @param prepare finds out what is to be done, where the place is known
 */
export async function runChange<Value, Outcome extends string>(
  host: Host,
  options: ChangeCommandOptions,
  prepare: (
    context: ChangeContext,
    place: Place,
  ) => PreparedChange<Value, Outcome> | Promise<PreparedChange<Value, Outcome>>,
): Promise<void> {
  const by = operatorOf(options);
  const isDry = options.dryRun === true;
  const place = await findPlace(options);
  const facts = await openFactsAt(place, !isDry);
  try {
    const context: ChangeContext = { facts, by, isDry, now: () => host.now() };
    const { list, change, close } = await prepare(context, place);
    try {
      const result = await changeListed(context, list, change);
      tellChange(host, change.action, context, result, options.json === true);
    } finally {
      await close?.();
    }
  } finally {
    await facts.close();
  }
}
