/** Every event of a listener appears in exactly one metric, under labels that are known before. */
import { Metrics } from '@mosaic-cluster/runtime';
import { expect, it } from 'vitest';
import { LISTENER_EVENTS } from './listener-events.ts';
import { ListenerFigures } from './listener-metrics.ts';

it('shows every event, by listener', async () => {
  const metrics = new Metrics({ service: 'test', version: '0' });
  const all = new ListenerFigures(metrics, ['mtls', 'uws']);
  const { observe } = all.optionsFor('mtls');
  all.watch('mtls', { connections: 3, handshakes: 4, waiting: 2 });
  all.watch('uws', { connections: 5, handshakes: undefined, waiting: undefined });
  const figures = async (listener: string): Promise<number[]> => {
    const lines = (await metrics.render()).split('\n');
    const ofListener = lines.filter(
      (line) => line.startsWith('mosaic_listener_') && line.includes(`listener="${listener}"`),
    );
    return ofListener.filter((line) => line.includes('_total')).map((l) => Number(l.split(' ')[1]));
  };
  expect(await figures('mtls')).toEqual(LISTENER_EVENTS.map(() => 0));
  for (const [i, event] of LISTENER_EVENTS.entries()) {
    for (let times = 0; times <= i; times++) observe(event);
  }
  expect((await figures('mtls')).toSorted((a, b) => a - b)).toEqual(
    LISTENER_EVENTS.map((_event, i) => i + 1),
  );
  for (let times = 0; times < 100; times++) observe('opened');
  expect(await figures('mtls')).toContain(LISTENER_EVENTS.indexOf('opened') + 101);
  expect(await figures('uws')).toEqual(LISTENER_EVENTS.map(() => 0));
  const text = await metrics.render();
  expect(text).toContain('mosaic_listener_connections{listener="uws"} 5');
  expect(text).toContain('mosaic_listener_handshakes{listener="mtls"} 4');
  expect(text).toContain('mosaic_listener_handshakes{listener="uws"} Nan');
  expect(text).toContain('mosaic_listener_handshakes_waiting{listener="mtls"} 2');
  expect(text).toContain('mosaic_receiving_bytes 0');
});
