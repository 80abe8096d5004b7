// A process run by the real kit, which run.test.ts starts, signals and watches. Its first
// argument says how it behaves; "up" on standard output says that it is ready for signals.
import { readConfig, run } from '../dist/index.js';

const [behaviour] = process.argv.slice(2);
const say = (text) => {
  process.stdout.write(`${text}\n`);
};
const resource = (name) => ({
  close: async () => {
    await new Promise((resolve) => setImmediate(resolve));
    say(`closed ${name}`);
  },
});

const behaviours = {
  service: async () => say('up'),
  twice: async () => {
    say('up');
    process.kill(process.pid, 'SIGINT');
    process.kill(process.pid, 'SIGINT');
  },
  hang: async (lifecycle) => {
    lifecycle.closeAllTimeoutMs = 300;
    lifecycle.add('stuck', { close: () => new Promise(() => {}) });
    say('up');
  },
  stubborn: async (lifecycle) => {
    lifecycle.add('stuck', { close: () => (say('closing'), new Promise(() => {})) });
    say('up');
  },
  starting: async (lifecycle) => {
    say('up');
    await new Promise((_resolve, reject) => {
      lifecycle.signal.addEventListener('abort', () => reject(lifecycle.signal.reason));
    });
  },
  late: async (lifecycle) => {
    say('up');
    await new Promise((resolve) => lifecycle.signal.addEventListener('abort', resolve));
    lifecycle.add('late', resource('late'));
    say('never');
  },
  fail: async () => {
    throw new Error('no disk');
  },
  config: async () => {
    readConfig({ port: { name: 'MOSAIC_PORT', type: 'integer', doc: 'Port.' } }, {});
  },
  command: async () => 3,
  rejection: async () => {
    say('up');
    void Promise.reject(new Error('nobody catches this'));
  },
  exception: async () => {
    say('up');
    setImmediate(() => {
      throw new Error('nobody expects this');
    });
  },
};

await run(async (lifecycle) => {
  lifecycle.add('first', resource('first'));
  lifecycle.add('second', resource('second'));
  return await behaviours[behaviour](lifecycle);
});
