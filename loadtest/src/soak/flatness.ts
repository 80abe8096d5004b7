/**
 * Whether memory stays flat: what a straight line through the least of each minute would add in an
 * hour. What lies above is garbage not yet collected, or a slow reader's due, and tells nothing of
 * a leak, which lifts the least as well. The first third of a run is left out, because caches fill
 * and code is compiled then.
 */

/** A value at a moment. */
export interface Sample {
  readonly seconds: number;
  readonly bytes: number;
}

/** What may be. */
export interface FlatnessBounds {
  readonly bytesPerHourMax: number;
  /** What the line may rise by at any slope: it goes up and down by that without a leak. */
  readonly noiseBytes: number;
}

/** What became of it. */
export type FlatnessVerdict = 'flat' | 'grows' | 'too short to tell';

/** A judged series. */
export interface Flatness extends FlatnessBounds {
  readonly verdict: FlatnessVerdict;
  /** What the line adds in an hour; negative where it falls. */
  readonly bytesPerHour: number;
  /** The line's values where the first third ends and where the run ends. */
  readonly fromBytes: number;
  readonly toBytes: number;
}

/** Shorter runs end before a line means anything: a garbage collection more or less decides. */
export const JUDGED_SECONDS_MIN = 300;
const SECONDS_PER_HOUR = 3_600;
const SECONDS_PER_MINUTE = 60;

/** Judges a series of samples in their order, which starts with the run. */
export function judgeFlatness(samples: readonly Sample[], bounds: FlatnessBounds): Flatness {
  const first = samples[0]?.seconds ?? 0;
  const last = samples.at(-1)?.seconds ?? 0;
  const from = first + (last - first) / 3;
  const judged = samples.filter(({ seconds }) => seconds >= from);
  const isLong = last - first >= JUDGED_SECONDS_MIN;
  const line = fitLine(isLong ? leastOfEachMinute(judged) : judged);
  const bytesPerHour = line.slope * SECONDS_PER_HOUR;
  const riseBytes = line.at(last) - line.at(from);
  const grows = bytesPerHour > bounds.bytesPerHourMax && riseBytes > bounds.noiseBytes;
  return {
    verdict: isLong ? (grows ? 'grows' : 'flat') : 'too short to tell',
    ...bounds,
    bytesPerHour,
    fromBytes: line.at(from),
    toBytes: line.at(last),
  };
}

/** A minute that the run's end cuts off may hold nothing but a slow reader: it does not count. */
function leastOfEachMinute(samples: readonly Sample[]): Sample[] {
  const least = new Map<number, Sample>();
  const [first] = samples;
  for (const sample of samples) {
    const minute = Math.floor((sample.seconds - first!.seconds) / SECONDS_PER_MINUTE);
    const known = least.get(minute);
    if (known === undefined || sample.bytes < known.bytes) least.set(minute, sample);
  }
  const minutes = ((samples.at(-1)?.seconds ?? 0) - (first?.seconds ?? 0)) / SECONDS_PER_MINUTE;
  return [...least].filter(([minute]) => minute + 1 <= minutes).map(([, sample]) => sample);
}

interface Line {
  /** Per second. */
  readonly slope: number;
  at(seconds: number): number;
}

/** The line with the least squares of distances; level where there are fewer than two moments. */
function fitLine(samples: readonly Sample[]): Line {
  const count = Math.max(1, samples.length);
  const meanSeconds = samples.reduce((sum, { seconds }) => sum + seconds, 0) / count;
  const meanBytes = samples.reduce((sum, { bytes }) => sum + bytes, 0) / count;
  let together = 0;
  let spread = 0;
  for (const { seconds, bytes } of samples) {
    together += (seconds - meanSeconds) * (bytes - meanBytes);
    spread += (seconds - meanSeconds) ** 2;
  }
  const slope = spread === 0 ? 0 : together / spread;
  return { slope, at: (seconds) => meanBytes + slope * (seconds - meanSeconds) };
}
