// Runs Autobahn's WebSocket cases against both listeners, as the package kosoku has them.
//
//   npm run autobahn
//
// The cases know nothing of Mosaic: they want an echo of text and binary, and offer no subprotocol.
// So each listener gets a handler that echoes, text is echoed below the listener (which has no use
// for it), and a proxy adds the subprotocol to the handshake and ends TLS.
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { connect as connectTls } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { makeTlsIdentity } from '../libs/certificate/dist/index.js';
import { openMtlsListener } from '../services/gateway/dist/listener/listener-mtls.js';
import { openUwsListener } from '../services/gateway/dist/listener/listener-uws.js';
import { loadUws } from '../services/gateway/dist/listener/uws-module.js';

const KOSOKU = 'kosoku==0.1.0';
const MIB = 1024 * 1024;
/** Compression: both listeners refuse it. */
const NOT_OURS = ['12.*', '13.*'];
/** 4 MiB in 64-byte fragments: more fragments than the ws package is told to take for a message. */
const OVER_WS_BOUND = ['9.3.1', '9.4.1'];

const root = join(dirname(fileURLToPath(import.meta.url)), '..');
const cache = join(root, 'node_modules', '.cache', 'mosaic-cluster');

function kosokuCommand() {
  if (spawnSync('kosoku', ['--help'], { stdio: 'ignore' }).status === 0) return 'kosoku';
  const venv = join(cache, 'kosoku');
  const command = join(venv, 'bin', 'kosoku');
  if (existsSync(command)) return command;
  console.log(`> installing ${KOSOKU} into ${venv}`);
  mkdirSync(cache, { recursive: true });
  const steps = [
    ['python3', ['-m', 'venv', venv]],
    [join(venv, 'bin', 'pip'), ['install', '--quiet', KOSOKU]],
  ];
  for (const [program, args] of steps) {
    if (spawnSync(program, args, { stdio: 'inherit' }).status === 0) continue;
    console.log(`This needs Python 3 with venv and pip, to install ${KOSOKU} from PyPI.`);
    process.exit(1);
  }
  return command;
}

const options = {
  host: '127.0.0.1',
  port: 0,
  page: 'echo',
  tls: makeTlsIdentity(new Uint8Array(32).fill(9)),
  limits: { messageBytesMax: 17 * MIB, outputBytesMax: 64 * MIB },
  accept: (socket) => ({
    message: (bytes) => socket.send(bytes),
    text: () => {},
    tooLarge: () => {},
    mayReceive: () => true,
    wasted: () => {},
    crowdedOut: () => {},
    drained: () => {},
    closed: () => {},
  }),
};

/** uWebSockets.js whose apps echo text by themselves. */
function echoingText(uws) {
  const wrap = (app) => ({
    __proto__: app,
    ws: (pattern, behavior) =>
      app.ws(pattern, {
        ...behavior,
        message: (socket, message, isBinary) => {
          if (isBinary) behavior.message(socket, message, isBinary);
          else socket.send(message, false, true);
        },
      }),
  });
  const chained = (app) =>
    new Proxy(wrap(app), {
      get(target, name) {
        const value = target[name];
        if (typeof value !== 'function') return value;
        return (...args) => {
          const result = name === 'ws' ? target.ws(...args) : value.apply(app, args);
          return result === app ? chained(app) : result;
        };
      },
    });
  return { ...uws, App: () => chained(uws.App()), SSLApp: (tls) => chained(uws.SSLApp(tls)) };
}

/** Makes every WebSocket of the ws package echo text by itself. */
function echoTextInWs() {
  const require = createRequire(join(root, 'services', 'gateway', 'package.json'));
  const { prototype } = require('ws');
  const subscribe = prototype.on;
  prototype.on = function on(event, listener) {
    if (event !== 'message') return subscribe.call(this, event, listener);
    return subscribe.call(this, event, (data, isBinary) => {
      if (isBinary) listener.call(this, data, isBinary);
      else this.send(data, { binary: false });
    });
  };
}

/** Adds the subprotocol to the handshake and speaks TLS to the listener. */
function proxyTo(port) {
  return new Promise((resolve) => {
    const server = createServer((client) => {
      const upstream = connectTls({ port, host: '127.0.0.1', rejectUnauthorized: false });
      client.setNoDelay(true);
      upstream.setNoDelay(true);
      client.once('data', (head) => {
        const text = head.toString('latin1');
        const at = text.indexOf('\r\n') + 2;
        const line = 'Sec-WebSocket-Protocol: mosaic2024\r\n';
        upstream.write(Buffer.from(text.slice(0, at) + line + text.slice(at), 'latin1'));
        client.pipe(upstream);
      });
      upstream.pipe(client);
      for (const socket of [client, upstream]) {
        socket.on('error', () => {
          client.destroy();
          upstream.destroy();
        });
      }
    });
    server.listen(0, '127.0.0.1', () => resolve(server));
  });
}

function runCases(command, name, port, excluded) {
  const outdir = join(cache, 'autobahn', name);
  mkdirSync(outdir, { recursive: true });
  const args = ['-o', outdir, ...excluded.flatMap((each) => ['-x', each]), `127.0.0.1:${port}`];
  console.log(`> ${name}: all cases but ${excluded.join(', ')}`);
  return new Promise((resolve) => {
    const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'] });
    child.on('exit', () => resolve(join(outdir, 'index.json')));
  });
}

function judge(name, report) {
  const agents = Object.values(JSON.parse(readFileSync(report, 'utf8')));
  const cases = agents.flatMap((agent) => Object.entries(agent));
  const failed = cases.filter(
    ([, { behavior }]) => !['OK', 'NON-STRICT', 'INFORMATIONAL'].includes(behavior),
  );
  for (const [id, { behavior }] of failed) console.log(`  ${name} ${id}: ${behavior}`);
  return { passed: cases.length - failed.length, failed: failed.length };
}

const command = kosokuCommand();
echoTextInWs();
const listeners = [
  ['mtls', await openMtlsListener(options), [...NOT_OURS, ...OVER_WS_BOUND]],
  ['uws', openUwsListener(echoingText(await loadUws()), options), NOT_OURS],
];
let passed = 0;
let failed = 0;
for (const [name, listener, excluded] of listeners) {
  const proxy = await proxyTo(listener.port);
  const report = await runCases(command, name, proxy.address().port, excluded);
  const result = judge(name, report);
  passed += result.passed;
  failed += result.failed;
  proxy.close();
  await listener.close();
}
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 && passed > 0 ? 0 : 1;
