/**
 * Colours for people at a terminal; everybody else gets the bare text.
 */

/** Puts a text into a style; the bare text where colours are off. */
export interface Paint {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
}

function style(isOn: boolean, code: number, end: number): (text: string) => string {
  return isOn ? (text) => `\u001B[${code}m${text}\u001B[${end}m` : (text) => text;
}

/** A {@link Paint} that colours, or one that does not. */
export function createPaint(isOn: boolean): Paint {
  return {
    bold: style(isOn, 1, 22),
    dim: style(isOn, 2, 22),
    red: style(isOn, 31, 39),
    green: style(isOn, 32, 39),
    yellow: style(isOn, 33, 39),
  };
}
