// What every Metrics must do, and the lines of the real logger.
import { describe, expect, test } from 'vitest';
import { ConsoleLogger } from '#platform/node/console-logger.js';
import { TextMetrics } from '#platform/text-metrics.js';

describe('Metrics', () => {
  const open = (): TextMetrics => new TextMetrics();

  test('counts, sets and observes in the text format', async () => {
    const metrics = open();
    const spec = { name: 'milvus_proxy_req_count', help: 'requests', labels: ['status', 'function_name'] };
    metrics.counter(spec).add(2, { status: 'ok', function_name: 'Search' });
    metrics.counter(spec).add(1, { status: 'ok', function_name: 'Search' });
    metrics.gauge({ name: 'free_bytes', help: 'free' }).set(12.5);
    const latency = metrics.histogram({ name: 'latency_ms', help: 'time', labels: ['q'], buckets: [1, 10] });
    for (const value of [0.5, 1, 5, 50]) latency.observe(value, { q: 'a"b' });
    const lines = (await metrics.render()).split('\n');
    expect(lines).toContain('# TYPE milvus_proxy_req_count counter');
    expect(lines).toContain('milvus_proxy_req_count{status="ok",function_name="Search"} 3');
    expect(lines).toContain('free_bytes 12.5');
    expect(lines).toContain('latency_ms_bucket{le="1",q="a\\"b"} 2');
    expect(lines).toContain('latency_ms_bucket{le="10",q="a\\"b"} 3');
    expect(lines).toContain('latency_ms_bucket{le="+Inf",q="a\\"b"} 4');
    expect(lines).toContain('latency_ms_sum{q="a\\"b"} 56.5');
    expect(lines).toContain('latency_ms_count{q="a\\"b"} 4');
  });
  test('what is collected is of the reading alone: sums begin anew, and what is gone is not shown', async () => {
    const metrics = open();
    let held = [2, 3];
    metrics.collect((gauge) => {
      const rows = gauge({ name: 'rows', help: 'rows', labels: ['of'] });
      for (const count of held) rows.add(count, { of: 'a' });
      gauge({ name: 'kinds', help: 'kinds' }).set(held.length);
    });
    expect(await metrics.render()).toContain('rows{of="a"} 5');
    expect(await metrics.render()).toContain('rows{of="a"} 5');
    held = [];
    const text = await metrics.render();
    expect(text).not.toContain('rows{');
    expect(text).toContain('kinds 0');
    // One that keeps its value cannot be measured anew by somebody else.
    expect(() => metrics.gauge({ name: 'rows', help: 'rows', labels: ['of'] })).toThrow('metric rows');
  });
  test('an unlabelled counter starts at 0; a wrong label throws', async () => {
    const metrics = open();
    const counter = metrics.counter({ name: 'c_total', help: 'h' });
    expect(await metrics.render()).toMatch(/^c_total 0$/m);
    expect(() => counter.add(1, { other: 'x' })).toThrow();
  });
});

describe('ConsoleLogger', () => {
  test('one JSON line per record at or above its level', () => {
    const lines: string[] = [];
    const logger = new ConsoleLogger('info', (line) => lines.push(line));
    logger.debug('hidden');
    logger.info('segment.sealed', { id: 2n ** 60n, rows: 3, gone: undefined, event: 'not this' });
    expect(lines.length).toBe(1);
    expect(lines[0]?.endsWith('\n')).toBe(true);
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      event: 'segment.sealed',
      id: '1152921504606846976',
      rows: 3,
    });
  });
});
