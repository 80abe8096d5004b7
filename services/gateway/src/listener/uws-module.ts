/**
 * Loads uWebSockets.js, which is a native module: whether a binary fits depends on platform, libc
 * and Node version, and its republished forks name three functions differently. No other file knows.
 */
import type { HttpRequest, TemplatedApp, us_listen_socket } from 'uWebSockets.js';

/** The part of uWebSockets.js that the gateway uses. */
export interface UwsModule {
  readonly DISABLED: number;
  App(): TemplatedApp;
  /** Reads both files before it returns. */
  SSLApp(options: { key_file_name: string; cert_file_name: string }): TemplatedApp;
  closeListenSocket(socket: us_listen_socket): void;
  listenSocketPort(socket: us_listen_socket): number;
}

type Loaded = Pick<UwsModule, 'DISABLED' | 'App' | 'SSLApp'> & {
  readonly closeSocket?: UwsModule['closeListenSocket'];
  readonly getSocketPort?: UwsModule['listenSocketPort'];
  readonly us_listen_socket_close?: UwsModule['closeListenSocket'];
  readonly us_socket_local_port?: UwsModule['listenSocketPort'];
};

/**
 * The module.
 *
 * @throws Error where none is installed or its binary doesn't fit; the message says which
 */
export async function loadUws(): Promise<UwsModule> {
  const imported = (await import('uWebSockets.js')) as unknown as { default: Loaded };
  const uws = imported.default;
  const closeListenSocket = uws.closeSocket ?? uws.us_listen_socket_close;
  const listenSocketPort = uws.getSocketPort ?? uws.us_socket_local_port;
  if (closeListenSocket === undefined || listenSocketPort === undefined) {
    throw new Error('this version of uWebSockets.js is not one that the gateway knows');
  }
  return {
    DISABLED: uws.DISABLED,
    App: () => uws.App(),
    SSLApp: (options) => uws.SSLApp(options),
    closeListenSocket,
    listenSocketPort,
  };
}

type EachHeader = HttpRequest['forEachHeader'];

/** A request's headers, by whichever name its library has for asking. */
export interface RequestHeaders {
  readonly forEachHeader?: EachHeader;
  readonly forEach?: EachHeader;
}

/** Calls back with each header of a request: its name in lower case, and its value. */
export function eachHeader(
  request: RequestHeaders,
  take: (name: string, value: string) => void,
): void {
  if (request.forEachHeader !== undefined) request.forEachHeader(take);
  else request.forEach!(take);
}
