/** Looks whether a setting that should hold a certificate or key in PEM form does. */

/** What is wrong with a text that should be PEM; undefined: nothing that shows. */
export function pemFault(name: string, text: string | undefined): string | undefined {
  if (text === undefined || /-----BEGIN [A-Z0-9 ]+-----/.test(text)) return undefined;
  return (
    `${name} holds no PEM text (-----BEGIN …): ` +
    `put the text itself there, or its path into ${name}_FILE.`
  );
}

/** A certificate without its key, or the other way round. */
export function pairFault(prefix: string, certificate: unknown, key: unknown): string | undefined {
  if ((certificate === undefined) === (key === undefined)) return undefined;
  const [missing, given] = certificate === undefined ? ['CERT', 'KEY'] : ['KEY', 'CERT'];
  return `${prefix}_${given} is set without ${prefix}_${missing}: a client certificate needs both.`;
}

/** The sentences among faults. */
export function faultsOf(...faults: readonly (string | undefined)[]): string[] {
  return faults.filter((fault) => fault !== undefined);
}
