/** Tells whoever started the server that it serves: a line for programs, a page for people. */
import { encodeServerKey, hexEncode } from '@mosaic-cluster/protocol';
import type { StandaloneServer } from './server.ts';

/** The line that programs wait for. */
export function readyLine(server: StandaloneServer): string {
  return JSON.stringify({
    event: 'ready',
    mtlsUrl: server.mtlsUrl ?? null,
    uwsUrl: server.uwsUrl ?? null,
    serverKeyHex: hexEncode(server.serverKey),
    serverKey: encodeServerKey(server.serverKey),
    dataDir: server.folder.path,
  });
}

/** What a person sees at a terminal. */
export function readyPage(server: StandaloneServer): string {
  const url = server.mtlsUrl ?? server.uwsUrl ?? '';
  const key = encodeServerKey(server.serverKey);
  const isLocal = /\/\/(127\.|localhost|\[::1\])/.test(url);
  const lines = [
    '',
    server.folder.isNew
      ? 'A new Mosaic server, ready to publish to.'
      : 'Your Mosaic server serves.',
    '',
    `  for every client           ${server.mtlsUrl ?? 'off'}`,
    `  without client certificate ${server.uwsUrl ?? 'off'}`,
    `  server key                 ${key}`,
    `  data                       ${server.folder.path}`,
    '',
    'Try it from another shell:',
    '',
    '  npm run -s mosaic -- keygen --out me.key',
    `  npm run -s mosaic -- publish --server ${url} --secret @me.key --text "Hello, Mosaic"`,
    `  npm run -s mosaic -- query --server ${url} --kind microblog-root`,
    `  npm run -s mosaic -- subscribe --server ${url} --kind microblog-root`,
    '',
  ];
  if (isLocal) {
    lines.push(
      'Only this machine can reach it. To open it to others set MOSAIC_MTLS_LISTEN=0.0.0.0:8443',
      'and MOSAIC_UWS_LISTEN=0.0.0.0:8444; --help lists every setting.',
      '',
    );
  }
  return lines.join('\n');
}
