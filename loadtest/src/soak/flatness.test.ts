/** Protects the verdict on memory: leaks are noticed, whatever else goes up and down. */
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { judgeFlatness, JUDGED_SECONDS_MIN, type Sample } from './flatness.ts';

const MEBIBYTE = 2 ** 20;
const MAX = { bytesPerHourMax: 64 * MEBIBYTE, noiseBytes: 0 };
const SAMPLE_SECONDS = 5;

/** Samples of a run, its memory in MiB by the second. */
function series(minutes: number, mebibytesAt: (seconds: number) => number): Sample[] {
  return Array.from({ length: (minutes * 60) / SAMPLE_SECONDS + 1 }, (_, i) => {
    const seconds = i * SAMPLE_SECONDS;
    return { seconds, bytes: mebibytesAt(seconds) * MEBIBYTE };
  });
}

/** Rises by `height` MiB and falls at once when garbage is collected, every `period` seconds. */
function sawtooth(height: number, period: number): (seconds: number) => number {
  return (seconds) => (height * (seconds % period)) / period;
}

describe('judgeFlatness', () => {
  it('measures a leak of any size within a run of any length', () => {
    const minutes = fc.integer({ min: 5, max: 120 });
    const perHour = fc.integer({ min: -500, max: 500 });
    fc.assert(
      fc.property(minutes, perHour, (minutes, perHour) => {
        const flatness = judgeFlatness(
          series(minutes, (seconds) => 300 + (perHour * seconds) / 3600),
          MAX,
        );
        expect(flatness.bytesPerHour / MEBIBYTE).toBeCloseTo(perHour, 3);
        if (perHour !== 64) expect(flatness.verdict).toBe(perHour > 64 ? 'grows' : 'flat');
      }),
    );
  });

  it('notices a leak of 200 bytes a submission under the garbage of ten minutes', () => {
    const garbage = sawtooth(12, 35);
    const perSecond = (200 * 150) / MEBIBYTE;
    const leaking = series(10, (seconds) => 100 + garbage(seconds) + perSecond * seconds);
    expect(judgeFlatness(leaking, MAX).verdict).toBe('grows');
    const healthy = series(10, (seconds) => 100 + garbage(seconds));
    expect(judgeFlatness(healthy, MAX).verdict).toBe('flat');
  });

  it('is not misled by slow readers, whose share comes and goes every minute', () => {
    const [phase, length] = [fc.nat(59), fc.integer({ min: 5, max: 45 })];
    fc.assert(
      fc.property(phase, length, (phase, length) => {
        const bump = (seconds: number) => ((seconds + phase) % 60 < length ? 30 : 0);
        const healthy = series(10, (seconds) => 150 + bump(seconds));
        expect(judgeFlatness(healthy, MAX)).toMatchObject({ verdict: 'flat', bytesPerHour: 0 });
        const leaking = series(10, (seconds) => 150 + bump(seconds) + seconds / 30);
        expect(judgeFlatness(leaking, MAX).verdict).toBe('grows');
      }),
    );
  });

  it('lets memory rise by its noise, but not further', () => {
    const bounds = { ...MAX, noiseBytes: 48 * MEBIBYTE };
    const kept = series(10, (seconds) => (seconds < 400 ? 150 : 180));
    expect(judgeFlatness(kept, MAX).verdict).toBe('grows');
    expect(judgeFlatness(kept, bounds).verdict).toBe('flat');
    const leaking = (minutes: number): Sample[] => series(minutes, (seconds) => 150 + seconds / 40);
    expect(judgeFlatness(leaking(10), bounds).verdict).toBe('flat');
    expect(judgeFlatness(leaking(60), bounds).verdict).toBe('grows');
  });

  it('lets caches fill in the first third', () => {
    const filling = series(10, (seconds) => 100 + Math.min(seconds, 190));
    expect(judgeFlatness(filling, MAX)).toMatchObject({ verdict: 'flat', bytesPerHour: 0 });
    const everFilling = series(10, (seconds) => 100 + seconds);
    expect(judgeFlatness(everFilling, MAX).verdict).toBe('grows');
  });

  it('notices steps, and says from where to where', () => {
    const flatness = judgeFlatness(
      series(60, (seconds) => 100 + 20 * Math.floor(seconds / 600)),
      MAX,
    );
    expect(flatness.verdict).toBe('grows');
    expect(flatness.fromBytes / MEBIBYTE).toBeCloseTo(130, -1);
    expect(flatness.toBytes / MEBIBYTE).toBeCloseTo(210, -1);
  });

  it('tells nothing from a run that is too short, or from no samples', () => {
    const short = series((JUDGED_SECONDS_MIN - SAMPLE_SECONDS) / 60, (seconds) => seconds);
    expect(judgeFlatness(short, MAX).verdict).toBe('too short to tell');
    expect(judgeFlatness([], MAX)).toMatchObject({ verdict: 'too short to tell', bytesPerHour: 0 });
  });
});
