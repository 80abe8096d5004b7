/**
 * Protects images whose uWebSockets.js is another republished one than that of development: what they name
 * differently must be found under either name. A name that is missing ends the process at the first request.
 */
import { expect, it } from 'vitest';
import { eachHeader, loadUws, type RequestHeaders } from './uws-module.ts';

const HEADERS = [
  ['host', 'mosaic.example'],
  ['upgrade', 'websocket'],
] as const;

type Take = (name: string, value: string) => void;

/** A request whose method needs its own `this`, as those of native objects do. */
class NamedAsInDevelopment {
  readonly #headers = HEADERS;

  forEachHeader(take: Take): void {
    for (const [name, value] of this.#headers) take(name, value);
  }
}

class NamedAsInImages {
  readonly #headers = HEADERS;

  forEach(take: Take): void {
    for (const [name, value] of this.#headers) take(name, value);
  }
}

function headersOf(request: RequestHeaders): string[][] {
  const seen: string[][] = [];
  eachHeader(request, (name, value) => seen.push([name, value]));
  return seen;
}

it.each([new NamedAsInDevelopment(), new NamedAsInImages()])('reads headers of %o', (request) => {
  expect(headersOf(request)).toEqual(HEADERS);
});

it('finds all that the gateway uses in what is installed here', async () => {
  const uws = await loadUws();
  for (const name of ['App', 'SSLApp', 'closeListenSocket', 'listenSocketPort'] as const) {
    expect(uws[name]).toBeTypeOf('function');
  }
});
