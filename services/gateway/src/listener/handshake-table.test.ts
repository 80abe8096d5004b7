/** Whoever must go is the one whom the rules name, whatever happened before. */
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { HandshakeTable } from './handshake-table.ts';

const BOUNDS = { handshakesMax: 6, handshakesPerAddressMax: 4 };

interface Entry {
  readonly group: string;
}

/** The rules, read off a list that is ordered by age. */
class NaiveTable {
  entries: Entry[] = [];

  countOf(group: string): number {
    return this.entries.filter((entry) => entry.group === group).length;
  }

  /** @returns those of whom one may go, and why */
  add(entry: Entry): { because: string; candidates: Entry[] } | undefined {
    this.entries.push(entry);
    const oldestOf = (group: string): Entry => this.entries.find((one) => one.group === group)!;
    if (this.countOf(entry.group) > BOUNDS.handshakesPerAddressMax) {
      return { because: 'dropped-address', candidates: [oldestOf(entry.group)] };
    }
    if (this.entries.length <= BOUNDS.handshakesMax) return undefined;
    const groups = [...new Set(this.entries.map(({ group }) => group))];
    const most = Math.max(...groups.map((group) => this.countOf(group)));
    const largest = groups.filter((group) => this.countOf(group) === most);
    return { because: 'dropped-all', candidates: largest.map(oldestOf) };
  }
}

it('drops the oldest of the group that is too large, or largest', () => {
  const arrival = fc.record({ group: fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f', 'g') });
  const leaving = fc.record({ leaves: fc.nat({ max: 10 }) });
  fc.assert(
    fc.property(fc.array(fc.oneof(arrival, arrival, leaving), { maxLength: 80 }), (steps) => {
      const table = new HandshakeTable<Entry>(BOUNDS);
      const naive = new NaiveTable();
      for (const step of steps) {
        if ('leaves' in step) {
          const gone = naive.entries[step.leaves];
          if (gone === undefined) continue;
          table.remove(gone);
          table.remove(gone);
          naive.entries = naive.entries.filter((entry) => entry !== gone);
        } else {
          const entry = { group: step.group };
          const dropped = table.add(entry, entry.group);
          const expected = naive.add(entry);
          expect(dropped?.because).toBe(expected?.because);
          if (dropped !== undefined) {
            expect(dropped.entry).not.toBe(entry);
            expect(expected?.candidates).toContain(dropped.entry);
            naive.entries = naive.entries.filter((one) => one !== dropped.entry);
          }
        }
        expect(table.size).toBe(naive.entries.length);
        expect(table.size).toBeLessThanOrEqual(BOUNDS.handshakesMax);
      }
    }),
  );
});

it('drops the oldest where every address has one', () => {
  const table = new HandshakeTable<string>({ handshakesMax: 3, handshakesPerAddressMax: 3 });
  for (const address of ['a', 'b', 'c']) expect(table.add(address, address)).toBeUndefined();
  const drops = ['d', 'e', 'f', 'g'].map((address) => table.add(address, address)?.entry);
  expect(drops).toEqual(['a', 'b', 'c', 'd']);
});
