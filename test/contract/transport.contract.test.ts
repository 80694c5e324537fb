// What every Transport must do. The one port of the real one is in transport-port.test.ts, the weather of the simulated one in
// transport-weather.test.ts.
import { describe, expect, test } from 'vitest';
import { ElanusError } from '#base/errors.js';
import type { CallContext, MethodHandler } from '#platform/transport.js';
import { address, benches, context, listen } from './transport-bench.js';

describe.each(benches)('Transport (%s)', (_name, bench) => {
  test('carries bytes, metadata and the deadline', async () => {
    const { transport, clock, drive } = bench();
    await drive(async () => {
      let seen: CallContext | undefined;
      const listener = await listen(transport, {
        '/p.S/Reverse': async (request, its) => {
          seen = its;
          return request.slice().reverse();
        },
      });
      const connection = transport.connect(address(listener));
      const deadlineMs = clock.now() + 20_000;
      const reply = await connection.call(
        '/p.S/Reverse',
        Uint8Array.of(1, 2, 3),
        context({ deadlineMs, metadata: { authorization: 'Basic x', dbname: 'd' } }),
      );
      expect([...reply]).toEqual([3, 2, 1]);
      expect(seen?.metadata).toMatchObject({ authorization: 'Basic x', dbname: 'd' });
      expect(Math.abs((seen?.deadlineMs ?? 0) - deadlineMs)).toBeLessThan(1000);
      await connection.call('/p.S/Reverse', new Uint8Array(0), context());
      expect(seen?.deadlineMs).toBeUndefined();
      connection.close();
    });
  });
  test('what arrives can be copied: no Buffer, whose slices are views', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const kept: Uint8Array[] = [];
      const listener = await listen(transport, {
        '/p.S/Echo': async (request) => {
          kept.push(request);
          return request;
        },
      });
      const connection = transport.connect(address(listener));
      kept.push(await connection.call('/p.S/Echo', Uint8Array.of(1, 2, 3), context()));
      for (const bytes of kept) {
        const copy = bytes.slice();
        bytes[0] = 9;
        expect([...copy]).toEqual([1, 2, 3]);
        bytes[0] = 1;
      }
      connection.close();
    });
  });
  test('carries large messages, and many at once', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(transport, { '/p.S/Echo': async (request) => request });
      const connection = transport.connect(address(listener));
      const large = new Uint8Array(20_000_000).fill(5);
      expect((await connection.call('/p.S/Echo', large, context())).length).toBe(large.length);
      const replies = await Promise.all(
        Array.from({ length: 100 }, (_, i) => connection.call('/p.S/Echo', Uint8Array.of(i), context())),
      );
      expect(replies.map((reply) => reply[0])).toEqual(Array.from({ length: 100 }, (_, i) => i));
      connection.close();
    });
  });
  test.each([
    ['service_unavailable', 'service_unavailable'],
    ['service_not_ready', 'service_unavailable'],
    ['deadline_exceeded', 'deadline_exceeded'],
    ['unsupported', 'unsupported'],
    ['collection_not_found', 'internal'],
  ] as const)('a handler that throws %s: the caller sees %s', async (thrown, seen) => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(transport, {
        '/p.S/Fail': async () => {
          throw new ElanusError(thrown, 'the reason');
        },
      });
      const connection = transport.connect(address(listener));
      await expect(connection.call('/p.S/Fail', new Uint8Array(1), context())).rejects.toMatchObject({
        key: seen,
      });
      connection.close();
    });
  });
  test('any other throw is internal with its message, a missing method unsupported, a missing peer service_unavailable', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(transport, {
        '/p.S/Sync': () => {
          throw new TypeError('broken inside');
        },
      });
      const connection = transport.connect(address(listener));
      await expect(connection.call('/p.S/Sync', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'internal',
        message: expect.stringContaining('broken inside'),
      });
      await expect(connection.call('/p.S/Other', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'unsupported',
      });
      connection.close();
      await expect(connection.call('/p.S/Sync', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'service_unavailable',
      });
      const nobody = transport.connect('127.0.0.1:1');
      await expect(nobody.call('/p.S/Sync', new Uint8Array(1), context())).rejects.toMatchObject({
        key: 'service_unavailable',
      });
      nobody.close();
    });
  });
  test('abort and deadline end the call for both sides', async () => {
    const { transport, clock, timers, drive } = bench();
    await drive(async () => {
      const aborted: string[] = [];
      const listener = await listen(transport, {
        '/p.S/Slow': async (request, its) => {
          its.signal.addEventListener('abort', () => aborted.push(`${request[0]}`));
          await timers.sleep(2000);
          return new Uint8Array(0);
        },
      });
      const connection = transport.connect(address(listener));
      const stop = new AbortController();
      const first = connection.call('/p.S/Slow', Uint8Array.of(1), context({ signal: stop.signal }));
      first.catch(() => {});
      await timers.sleep(100);
      stop.abort();
      await expect(first).rejects.toMatchObject({ key: 'cancelled' });
      const second = connection.call(
        '/p.S/Slow',
        Uint8Array.of(2),
        context({ deadlineMs: clock.now() + 150 }),
      );
      await expect(second).rejects.toMatchObject({ key: 'deadline_exceeded' });
      await timers.sleep(300);
      expect(aborted.sort()).toEqual(['1', '2']);
      await expect(
        connection.call('/p.S/Slow', Uint8Array.of(3), context({ signal: stop.signal })),
      ).rejects.toMatchObject({
        key: 'cancelled',
      });
      connection.close();
    });
  });
  test('messages beyond the limits fail, the connection lives on', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const listener = await listen(
        transport,
        { '/p.S/Grow': async (request) => new Uint8Array((request[0] ?? 0) * 1000) },
        { receiveBytesMax: 10_000, sendBytesMax: 10_000 },
      );
      const connection = transport.connect(address(listener));
      await expect(connection.call('/p.S/Grow', new Uint8Array(10_001), context())).rejects.toMatchObject({
        key: 'parameter_too_large',
      });
      await expect(connection.call('/p.S/Grow', Uint8Array.of(11), context())).rejects.toMatchObject({
        key: 'parameter_too_large',
      });
      expect((await connection.call('/p.S/Grow', Uint8Array.of(10), context())).length).toBe(10_000);
      connection.close();
    });
  });
  test('closing lets running calls end within the grace; a new listener on the port is found again', async () => {
    const { transport, timers, drive } = bench();
    await drive(async () => {
      const slow: MethodHandler = async (request) => {
        await timers.sleep((request[0] ?? 0) * 100);
        return request.slice();
      };
      const first = await listen(transport, { '/p.S/Slow': slow });
      const connection = transport.connect(address(first));
      const [ends, cut] = [2, 100].map((tenths) =>
        connection.call('/p.S/Slow', Uint8Array.of(tenths), context()),
      );
      cut?.catch(() => {});
      await timers.sleep(100);
      const closed = first.close(800);
      expect([...((await ends) ?? [])]).toEqual([2]);
      await expect(cut).rejects.toMatchObject({ key: 'service_unavailable' });
      await closed;
      await expect(connection.call('/p.S/Slow', Uint8Array.of(0), context())).rejects.toMatchObject({
        key: 'service_unavailable',
      });
      await listen(transport, { '/p.S/Slow': slow }, { port: first.port });
      for (let attempt = 0; ; attempt++) {
        const reply = await connection.call('/p.S/Slow', Uint8Array.of(1), context()).catch(() => undefined);
        if (reply !== undefined) break;
        expect(attempt).toBeLessThan(40);
        await timers.sleep(100);
      }
      connection.close();
    });
  });
  test('a port in use is refused', async () => {
    const { transport, drive } = bench();
    await drive(async () => {
      const first = await listen(transport, {});
      await expect(listen(transport, {}, { port: first.port })).rejects.toMatchObject({ key: 'refused' });
    });
  });
});
