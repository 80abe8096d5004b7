/** What each offence costs in penalty points, and whom. */
import { type Offence, OFFENCES } from './abuse-control.ts';

/** An offence's price, and why it is that. */
export interface OffencePrice {
  readonly points: number;
  readonly why: string;
}

/** The price of each offence; `PenaltyRules` says how many lead to a ban, and how fast they decay. */
export const OFFENCE_PRICES: Readonly<Record<Offence, OffencePrice>> = {
  'invalid-record': {
    points: 5,
    why: 'its check is the dearest thing that anybody can ask for, and no honest client sends one',
  },
  'malformed-message': { points: 5, why: 'no honest client sends one' },
  'server-message': { points: 10, why: 'no honest client sends one' },
  'oversized-message': { points: 10, why: 'no honest client sends one' },
  'failed-handshake': { points: 0.5, why: 'networks fail, and so do probes and browsers' },
  'refused-submission': {
    points: 0.2,
    why: 'many are refused to somebody who publishes a lot to a server that does not know them',
  },
  'over-budget': {
    points: 0.001,
    why: 'a bulk publisher is refused some 170 times a second for as long as it publishes',
  },
};

/** The part of a key's points that its address gets too: keys cost nothing to make. */
export const ADDRESS_SHARE = 0.1;
/** The part of an address's points that the network around it gets too. */
export const NETWORK_SHARE = 0.25;
/** An unknown key from an address that earned a ban pays so many times for everything. */
export const PROBATION_PRICE = 10;
/** And gets so many times the points. */
export const PROBATION_POINTS = 4;

/** The prices as a Markdown table. */
export function renderOffencesMarkdown(): string {
  const rows = OFFENCES.map((offence) => {
    const { points, why } = OFFENCE_PRICES[offence];
    return `| \`${offence}\` | ${points} | ${why} |`;
  });
  return `| offence | points | why |\n|---|---:|---|\n${rows.join('\n')}\n`;
}
