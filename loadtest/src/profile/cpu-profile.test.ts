/** Protects the reading of profiles: only what was measured counts, and under the right name. */
import { describe, expect, it } from 'vitest';
import { byModule, type CpuProfile, parseProfile, selfTimes } from './cpu-profile.ts';

function node(id: number, functionName: string, url: string, lineNumber = 0) {
  return { id, callFrame: { functionName, url, lineNumber } };
}

const PROFILE: CpuProfile = {
  startTime: 1_000,
  nodes: [
    node(1, '(idle)', '', -1),
    node(2, 'append', 'file:///home/x/libs/store/dist/segment-log.js', 11),
    node(3, 'append', 'file:///home/x/libs/store/dist/segment-log.js', 11),
    node(4, 'put', 'file:///x/node_modules/.store/lmdb@3/node_modules/lmdb/write.js', 4),
    node(5, 'writev', ''),
    node(6, '', 'node:net', 7),
    node(7, 'sign', 'file:///x/node_modules/@noble/curves/esm/ed25519.js', 1),
  ],
  // Samples end at 1100, 1200, …
  samples: [2, 1, 2, 3, 4, 5, 6, 7, 2],
  timeDeltas: [100, 100, 100, 100, 100, 100, 100, 100, 100],
};

describe('selfTimes', () => {
  it('counts what ran within the windows, calls of one function together', () => {
    const times = selfTimes(PROFILE, [{ startMicros: 1_150, endMicros: 1_850 }]);
    expect(times[0]).toEqual({
      name: 'append',
      place: 'libs/store/dist/segment-log.js:12',
      module: 'libs/store',
      selfMicros: 200,
    });
    expect(times.map(({ name }) => name).sort()).toEqual(
      ['(anonymous)', '(idle)', 'append', 'put', 'sign', 'writev'].sort(),
    );
  });

  it('adds up several windows and by module', () => {
    const windows = [
      { startMicros: 1_050, endMicros: 1_150 },
      { startMicros: 1_450, endMicros: 1_950 },
    ];
    expect(Object.fromEntries(byModule(selfTimes(PROFILE, windows)))).toEqual({
      'libs/store': 200,
      lmdb: 100,
      '(native)': 100,
      node: 100,
      '@noble/curves': 100,
    });
  });
});

describe('parseProfile', () => {
  it('takes what the profiler writes and nothing else', () => {
    expect(parseProfile(JSON.stringify(PROFILE))).toEqual(PROFILE);
    expect(() => parseProfile('{"nodes":[]}')).toThrow('no CPU profile');
  });
});
