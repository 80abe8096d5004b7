/** `mosaic-admin bans` and `allow`, on a data folder and on a real Redis and S3 server alike. */
import { Bans, parseAddressRange } from '@mosaic-cluster/abuse';
import { encodeUserKey, hexEncode, publicKeyOf } from '@mosaic-cluster/protocol';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { ALICE } from '../../testing/filled-folder.ts';
import { PLACE_KINDS, type TestPlace } from '../../testing/test-places.ts';

const KEY = publicKeyOf(ALICE);
const key = encodeUserKey(KEY);

interface ListTold {
  readonly subjects: readonly { readonly subject: string; readonly inForce: boolean }[];
  readonly next: string | null;
}
interface ChangeTold {
  readonly results: readonly { readonly on: string; readonly outcome: string }[];
}

describe.each(PLACE_KINDS)('on $name', (kind) => {
  let place: TestPlace;
  beforeAll(() => kind.start(), 120_000);
  afterAll(() => kind.stop());
  beforeEach(async () => {
    place = await kind.place();
  });

  const listed = (name: string, ...args: string[]): Promise<ListTold> =>
    place.json<ListTold>([name, 'list', ...args]);
  const outcomes = async (...args: string[]): Promise<string[]> =>
    (await place.json<ChangeTold>(args)).results.map(({ outcome }) => outcome);
  const noted = async (): Promise<unknown[]> =>
    (await place.json<{ entries: unknown[] }>(['audit', 'list'])).entries;

  it.each([
    ['bans', 'bans'],
    ['allow', 'allowed'],
  ] as const)('%s: adds ranges and keys with an end and a reason, and notes it', async (name, collection) => {
    const before = Date.now();
    const args = ['203.0.113.0/24', hexEncode(KEY), '2001:DB8::/48', '--for', '2h'];
    const why = ['--reason', 'flood', '--as', 'carol'];
    expect(await outcomes(name, 'add', ...args, ...why)).toEqual(Array(3).fill('added'));
    const facts = await place.facts();
    const bans = new Bans(facts.registry, collection);
    const [ban, ofKey] = await bans.find([parseAddressRange('203.0.113.0/24'), KEY]);
    await facts.close();
    expect(ban).toMatchObject({ reason: 'flood', addedBy: 'carol' });
    expect(ban!.untilMs).toBeGreaterThanOrEqual(before + 7_200_000);
    expect(ofKey!.untilMs).toBe(ban!.untilMs);
    expect((await listed(name)).subjects.map(({ subject }) => subject)).toEqual([
      key,
      '203.0.113.0/24',
      '2001:db8::/48',
    ]);
    const until = new Date(ban!.untilMs!).toISOString();
    const on = ['203.0.113.0/24', key, '2001:db8::/48'];
    expect(await noted()).toMatchObject([
      { by: 'carol', action: `${name} add`, on, detail: `until ${until}: flood` },
    ]);
    const { stdout } = await place.admin([name, 'list']);
    expect(stdout).toContain(`203.0.113.0/24  until ${until} by carol  flood\n`);
  });

  it('gives new terms, leaves what is so already, and takes out exactly what is named', async () => {
    await outcomes('bans', 'add', '10.0.0.0/16', '--reason', 'first');
    expect(await outcomes('bans', 'add', '10.0.0.0/16', '--reason', 'first')).toEqual([
      'unchanged',
    ]);
    expect(await outcomes('bans', 'add', '10.0.0.0/16')).toEqual(['changed']);
    const names = ['10.0.0.1', '10.0.0.0/16'];
    expect(await outcomes('bans', 'remove', ...names, '--dry-run')).toEqual([
      'not-listed',
      'removed',
    ]);
    expect((await listed('bans')).subjects).toHaveLength(1);
    expect(await outcomes('bans', 'remove', ...names)).toEqual(['not-listed', 'removed']);
    expect((await listed('bans')).subjects).toEqual([]);
    expect(await noted()).toHaveLength(3);
  });

  it('reads many with reasons, lists them in pages, and says which are over', async () => {
    const lines = Array.from({ length: 40 }, (_, i) => `192.0.2.${i} spam ${i}`).join('\n');
    const args = ['bans', 'add', '--file', '-', '--for', '1s'];
    expect((await place.json<ChangeTold>(args, lines)).results).toHaveLength(40);
    const seen: string[] = [];
    for (let next: string | null | undefined; next !== null; ) {
      const after = next === undefined ? [] : ['--after', next];
      const page = await listed('bans', '--limit', '15', ...after);
      seen.push(...page.subjects.map(({ subject }) => subject));
      next = page.next;
    }
    expect(seen).toEqual(Array.from({ length: 40 }, (_, i) => `192.0.2.${i}`));
    await expect
      .poll(async () => (await listed('bans', '--limit', '1')).subjects[0]!.inForce, {
        timeout: 9000,
      })
      .toBe(false);
    expect((await place.admin(['bans', 'list'])).stdout).toMatch(
      /192\.0\.2\.7 {2}until \S+ \(over\) by \S+ {2}spam 7\n/,
    );
  });

  it('refuses what is no subject, no time, or a slip', async () => {
    const wrong: readonly [string[], RegExp][] = [
      [['203.0.113.7/24'], /SUBJECT: .*203\.0\.113\.0\/24/],
      [['example.org'], /SUBJECT: /],
      [['mopub0short'], /SUBJECT: /],
      [['0.0.0.0/0'], /0\.0\.0\.0\/0: that is a large part .*\n.*--yes/],
      [['2000::/3'], /large part/],
      [['10.0.0.1', '--for', 'ever'], /--for: "ever" is no time/],
      [['10.0.0.1', '--for', '1ms'], /--for/],
      [['10.0.0.1', '--reason', 'a\nb'], /--reason/],
    ];
    for (const [args, why] of wrong) {
      const { code, stderr } = await place.admin(['bans', 'add', ...args]);
      expect({ args, code }).toEqual({ args, code: 2 });
      expect(stderr).toMatch(why);
    }
    expect((await listed('bans')).subjects).toEqual([]);
    expect(await outcomes('bans', 'add', '0.0.0.0/0', '--yes')).toEqual(['added']);
  });
});
