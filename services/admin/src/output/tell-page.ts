/** Shows one page of a long list, and how to go on: for people, or as one JSON object. */
import { type Host, type Json, jsonLine } from '@mosaic-cluster/client/command';

/** How a list is shown. */
export interface ListForm<Item> {
  /** Of the JSON object. */
  readonly type: string;
  /** What the array in it is called. */
  readonly items: string;
  readonly json: (item: Item) => Json;
  readonly text: (item: Item) => string;
  /** What `--after` takes to go on behind this one. */
  readonly name: (item: Item) => string;
  /** Of the JSON object, besides. */
  readonly more?: Readonly<Record<string, Json>>;
  /** What is said where there is nothing. */
  readonly nothing: string;
}

/** A part of a list. */
export interface ListPart<Item> {
  readonly items: readonly Item[];
  readonly hasMore: boolean;
}

/** Shows a page. @param of the place that it is from */
export function tellPage<Item>(
  host: Host,
  isJson: boolean,
  of: string,
  { items, hasMore }: ListPart<Item>,
  form: ListForm<Item>,
): void {
  const last = items.at(-1);
  const next = hasMore && last !== undefined ? form.name(last) : undefined;
  if (isJson) {
    const told = { type: form.type, of, [form.items]: items.map(form.json), next: next ?? null };
    host.write(jsonLine({ ...told, ...form.more }));
    return;
  }
  for (const item of items) host.write(form.text(item));
  if (items.length === 0) host.write(`${form.nothing}\n`);
  if (next !== undefined) host.write(`there are more: add --after ${next}\n`);
}
