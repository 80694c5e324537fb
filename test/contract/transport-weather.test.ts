// The weather of the simulated transport: loss, duplicates, links that are cut, processes that are displaced.
import { describe, expect, test } from 'vitest';
import type { ElanusError } from '#base/errors.js';
import { MemoryTransport } from '#platform/memory/memory-transport.js';
import { SimulatedNetwork } from '#platform/memory/simulated-network.js';
import { SimulatedWorld } from '#platform/memory/simulated-time.js';
import type { Listener } from '#platform/transport.js';
import { context, listen, memoryBench } from './transport-bench.js';

describe('MemoryTransport: weather', () => {
  const run = async (seed: number, link: { loss?: number; duplication?: number }): Promise<string> => {
    const world = new SimulatedWorld({ seed });
    const network = new SimulatedNetwork(world, link);
    const handled: number[] = [];
    const listener = await listen(new MemoryTransport(network, 'b'), {
      '/p.S/N': async (request) => {
        handled.push(request[0] ?? 0);
        return request;
      },
    });
    const connection = new MemoryTransport(network, 'a').connect(`b:${listener.port}`);
    const results = await world.runUntil(
      Promise.all(
        Array.from({ length: 100 }, (_, i) =>
          connection.call('/p.S/N', Uint8Array.of(i), context()).then(
            () => 'ok',
            (error: ElanusError) => error.key,
          ),
        ),
      ),
    );
    return JSON.stringify([handled, results, world.now]);
  };
  test('loss shows as service_unavailable, duplicates reach the handler, order is not kept; the same seed gives the same run', async () => {
    const rough = await run(3, { loss: 0.2, duplication: 0.3 });
    expect(await run(3, { loss: 0.2, duplication: 0.3 })).toBe(rough);
    expect(await run(4, { loss: 0.2, duplication: 0.3 })).not.toBe(rough);
    const [handled, results] = JSON.parse(rough) as [number[], string[]];
    expect(new Set(results)).toEqual(new Set(['ok', 'service_unavailable']));
    expect(handled.length).toBeGreaterThan(new Set(handled).size);
    expect(handled).not.toEqual([...handled].sort((a, b) => a - b));
  });
  test('down, up, cut and heal', async () => {
    const { world, network, transport } = memoryBench();
    const listener = await listen(new MemoryTransport(network, 'b'), {
      '/p.S/Slow': async () => {
        await world.timers.sleep(50);
        return new Uint8Array(1);
      },
    });
    const target = `b:${listener.port}`;
    const connection = transport.connect(target);
    const call = (): Promise<Uint8Array> => connection.call('/p.S/Slow', new Uint8Array(1), context());
    const running = call();
    running.catch(() => {});
    await world.advance(10);
    network.down(target);
    await expect(world.runUntil(running)).rejects.toMatchObject({ key: 'service_unavailable' });
    await expect(world.runUntil(call())).rejects.toMatchObject({ key: 'service_unavailable' });
    network.up(target);
    await world.runUntil(call());
    network.cut('a', 'b');
    await expect(world.runUntil(call())).rejects.toMatchObject({ key: 'service_unavailable' });
    network.heal('a', 'b');
    await world.runUntil(call());
  });
  test('a displaced process answers the calls it has; new ones come to the other, and what is left breaks off when it is gone', async () => {
    const { world, network, transport } = memoryBench();
    const serve = (answer: number, port: number): Promise<Listener> =>
      listen(
        new MemoryTransport(network, 'b'),
        {
          '/p.S/Slow': async () => {
            await world.timers.sleep(50);
            return Uint8Array.of(answer);
          },
        },
        { port },
      );
    const { port } = await serve(1, 0);
    const connection = transport.connect(`b:${port}`);
    const call = (): Promise<Uint8Array> => connection.call('/p.S/Slow', new Uint8Array(1), context());
    const early = call();
    await world.advance(10);
    network.displace('b');
    await serve(2, port);
    const late = call();
    expect(await world.runUntil(early)).toEqual(Uint8Array.of(1));
    expect(await world.runUntil(late)).toEqual(Uint8Array.of(2));
    const again = call();
    again.catch(() => {});
    await world.advance(10);
    network.displace('b');
    network.vanish('b');
    await expect(world.runUntil(again)).rejects.toMatchObject({ key: 'service_unavailable' });
  });
});
