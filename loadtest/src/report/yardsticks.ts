/**
 * What the figures are compared with: what this server is to reach, and what the relays of a
 * similar network (Nostr: JSON and secp256k1) took for the same on a machine of two cores, with the
 * generator on the same two. Theirs were measured in November 2026 and are not measured here.
 */
import type { FigureName, Figures } from '../scenario.ts';

/** The relays. */
export const PEERS = ['strfry', 'chorus', 'nostr-rs-relay', 'nostream'] as const;
/** A relay's name. */
export type PeerName = (typeof PEERS)[number];

/** A figure and the most that it may be. */
export interface Aim {
  readonly figure: FigureName;
  readonly max: number;
  /** What is added to `max`: it depends on the machine. */
  readonly plus?: 'signature-check';
}

/** What a scenario's figures are held to. */
export interface Yardstick {
  readonly aims: readonly Aim[];
  /** What the peers' figures are. */
  readonly peersShow?: string;
  readonly peers?: Readonly<Record<PeerName, string>>;
}

function peers(...texts: readonly [string, string, string, string]): Record<PeerName, string> {
  const [strfry, chorus, rust, nostream] = texts;
  return { strfry, chorus, 'nostr-rs-relay': rust, nostream };
}

const CPU = 'CPU µs';
const DURABLE: Aim = { figure: 'cpuMicrosEach', max: 50, plus: 'signature-check' };
const LONE_P50: Aim = { figure: 'p50Ms', max: 3 };

function cpuAim(max: number): readonly Aim[] {
  return [{ figure: 'cpuMicrosEach', max }];
}

/** By scenario name. */
export const YARDSTICKS: Readonly<Record<string, Yardstick>> = {
  'bulk-import': { aims: [DURABLE], peersShow: CPU, peers: peers('62', '–', '–', '–') },
  ingest: { aims: [DURABLE], peersShow: CPU, peers: peers('117–140', '124–157', '581', '2518') },
  'ingest-one': {
    aims: [LONE_P50],
    peersShow: 'p50 ms · CPU µs',
    peers: peers('6.8 · 279', '1.4 · 114', '9.2 · 492', '22 · 3009'),
  },
  'ingest-lone': { aims: [LONE_P50] },
  'query-author': {
    aims: cpuAim(120),
    peersShow: CPU,
    peers: peers('182', '152–164', '138–353', '3475'),
  },
  'query-tag': { aims: cpuAim(120), peersShow: CPU, peers: peers('190', '158', '2362', '2772') },
  'query-ids-10': {
    aims: cpuAim(80),
    peersShow: CPU,
    peers: peers('152', '96', '144–267', '1560'),
  },
  'query-ids-1': { aims: [], peersShow: CPU, peers: peers('73', '54', '129', '1445') },
  'query-window': {
    aims: cpuAim(350),
    peersShow: CPU,
    peers: peers('594', '491', '388–556', '3649'),
  },
  'query-authors-50': {
    aims: cpuAim(300),
    peersShow: CPU,
    peers: peers('431', '2542', '15306', '4396'),
  },
  'fan-out-paced': {
    aims: [LONE_P50],
    peersShow: 'p50 ms · CPU µs',
    peers: peers('66 · 16.6', '3.3 · 21', '4.6 · 21.6', '15.7 · 60'),
  },
  'fan-out': { aims: cpuAim(5), peersShow: CPU, peers: peers('5.4', '8.0', '8.1', '45') },
  selective: { aims: cpuAim(15), peersShow: CPU, peers: peers('34', '3943', '3368', '1787') },
  idle: {
    aims: [{ figure: 'kilobytesEach', max: 10 }],
    peersShow: 'KB',
    peers: peers('82', '141', '17', '~154'),
  },
};

/** An aim on this machine, and whether it is reached; undefined where that figure is not known. */
export interface JudgedAim {
  readonly figure: FigureName;
  readonly max: number;
  readonly isReached: boolean | undefined;
}

/** Holds figures to the aims of their scenario. */
export function judge(
  scenario: string,
  figures: Figures | undefined,
  signatureCheckMicros: number,
): JudgedAim[] {
  const { aims } = YARDSTICKS[scenario] ?? { aims: [] };
  return aims.map(({ figure, max: base, plus }) => {
    const max = base + (plus === undefined ? 0 : signatureCheckMicros);
    const value = figures?.[figure];
    return { figure, max, isReached: value === undefined ? undefined : value <= max };
  });
}
