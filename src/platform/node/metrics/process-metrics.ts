// What the process takes of its machine, by the names that Prometheus's own clients give it. Nothing is measured before somebody reads.
import { readdirSync, readFileSync } from 'node:fs';
import { performance } from 'node:perf_hooks';
import type { Metrics } from '#platform/metrics.js';

const PROCESS = '/proc/self';
const perSecond = 1e6;

export function measureProcess(metrics: Metrics): void {
  const used = countersOf(metrics);
  metrics.collect((gauge) => {
    const memory = process.memoryUsage();
    const { user, system } = process.cpuUsage();
    used('process_cpu_user_seconds_total', 'Processor time outside the kernel.', user / perSecond);
    used('process_cpu_system_seconds_total', 'Processor time in the kernel.', system / perSecond);
    used('process_cpu_seconds_total', 'Processor time of the process.', (user + system) / perSecond);
    const busyMs = performance.eventLoopUtilization().active;
    used('elanus_main_thread_busy_seconds_total', 'Time in which the main thread had work.', busyMs / 1000);
    const show = (name: string, help: string, value: number): void => gauge({ name, help }).set(value);
    show('process_resident_memory_bytes', 'Memory of the process that is in RAM.', memory.rss);
    show(
      'process_start_time_seconds',
      'When the process began, in seconds since 1970.',
      performance.timeOrigin / 1000,
    );
    show('nodejs_heap_size_total_bytes', 'Heap of the main thread.', memory.heapTotal);
    show('nodejs_heap_size_used_bytes', 'What is used of that heap.', memory.heapUsed);
    show('nodejs_external_memory_bytes', 'Memory outside the heap that its objects hold.', memory.external);
    const files = openFiles();
    if (files === undefined) return;
    show('process_open_fds', 'Open files and sockets.', files.open);
    if (files.max !== undefined)
      show('process_max_fds', 'How many of them the process may have open.', files.max);
  });
}

/** The system adds up from the beginning of the process; a counter takes what came since it was read. */
function countersOf(metrics: Metrics): (name: string, help: string, total: number) => void {
  const before = new Map<string, number>();
  return (name, help, total) => {
    metrics.counter({ name, help }).add(Math.max(0, total - (before.get(name) ?? 0)));
    before.set(name, total);
  };
}

/** Undefined where the system does not say it in files, as Linux does. */
function openFiles(): { readonly open: number; readonly max: number | undefined } | undefined {
  try {
    const limits = readFileSync(`${PROCESS}/limits`, 'utf8');
    const [, max] = /^Max open files +(\d+)/m.exec(limits) ?? [];
    return {
      open: readdirSync(`${PROCESS}/fd`).length,
      max: max === undefined ? undefined : Number(max),
    };
  } catch {
    return undefined;
  }
}
