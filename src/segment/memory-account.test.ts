import { describe, expect, it } from 'vitest';
import { ElanusError } from '#base/errors.js';
import { TextMetrics } from '#platform/text-metrics.js';
import { MemoryAccount, type MemoryUse } from './memory-account.js';

describe('MemoryAccount', () => {
  const MiB = 1 << 20;
  it('adds what sources hold and what is reserved, and refuses what does not fit', () => {
    const account = new MemoryAccount(10 * MiB, new TextMetrics());
    const held: MemoryUse[] = [];
    account.addSource(() => held);
    held.push(
      { collectionId: 1n, kind: 'rows', bytes: 4 * MiB },
      { collectionId: 2n, kind: 'growing', bytes: MiB },
    );
    expect(account.usedBytes).toBe(5 * MiB);
    const first = account.reserve(2n, 3 * MiB, 'a');
    expect(account.bytesOf(2n)).toBe(4 * MiB);
    const refused = (): unknown => account.reserve(3n, 2 * MiB + 1, 'segment 9');
    expect(refused).toThrow(ElanusError);
    expect(refused).toThrow(
      'memory limit exceeded[predict=10.0 MiB][limit=10.0 MiB]: segment 9 needs 2.0 MiB, 2.0 MiB are free',
    );
    first.release();
    first.release();
    account.reserve(3n, 5 * MiB, 'b').release();
    held.length = 0;
    expect(account.usedBytes).toBe(0);
  });
  it('gives idle memory up before it refuses, and only as much as it must', () => {
    const account = new MemoryAccount(100, new TextMetrics());
    const idle = [30, 30];
    account.addSource(
      () => [
        { collectionId: 1n, kind: 'rows', bytes: 20 },
        ...idle.map((bytes) => ({ collectionId: 1n, kind: 'indexes' as const, bytes, isIdle: true })),
      ],
      (bytes) => {
        while (bytes > 0 && idle.length > 0) bytes -= idle.pop() ?? 0;
      },
    );
    expect(account.usedBytes).toBe(80);
    expect(account.neededBytes).toBe(20);
    account.reserve(2n, 20, 'a');
    expect(idle).toEqual([30, 30]);
    account.reserve(2n, 10, 'b');
    expect(idle).toEqual([30]);
    expect(() => account.reserve(2n, 60, 'c')).toThrow('memory limit exceeded');
    expect(account.makeRoom(50)).toBe(true);
  });
  it('shows gauges by collection and kind; those that are gone are 0', async () => {
    const metrics = new TextMetrics();
    const account = new MemoryAccount(100, metrics);
    let held: MemoryUse[] = [
      { collectionId: 1n, kind: 'rows', bytes: 4 },
      { collectionId: 1n, kind: 'rows', bytes: 5 },
    ];
    account.addSource(() => held);
    expect(await metrics.render()).toContain(
      'elanus_collection_memory_bytes{collection_id="1",kind="rows"} 9',
    );
    expect(await metrics.render()).toContain('elanus_memory_limit_bytes 100');
    held = [];
    expect(await metrics.render()).toContain(
      'elanus_collection_memory_bytes{collection_id="1",kind="rows"} 0',
    );
    expect(await metrics.render()).toContain('elanus_memory_bytes 0');
    // A collection may be gone for good.
    for (let reading = 0; reading < 9; reading++) await metrics.render();
    expect(await metrics.render()).not.toContain('collection_id="1"');
  });
});
