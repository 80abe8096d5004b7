/** How a listener says where it is. */

/** The URL of a listener; an IPv6 address gets its brackets. */
export function listenerUrl(secure: boolean, host: string, port: number): string {
  const name = host.includes(':') ? `[${host}]` : host;
  return `${secure ? 'wss' : 'ws'}://${name}:${port}/`;
}
