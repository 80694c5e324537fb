// Logs that count what is appended to them and say how large they are, whatever they are made of. Names are those of Milvus's logs, with the
// physical channel as a label.
import type { LogPayload, LogStore, OpenLogOptions, WriteAheadLog } from '#platform/log.js';
import type { Counter, Histogram, Metrics } from '#platform/metrics.js';
import type { Clock } from '#platform/time.js';
import { payloadLength } from './frame.js';

const SECONDS = [0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.5, 1, 5];
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576, 4_194_304, 16_777_216, 67_108_864];

interface Measures {
  readonly clock: Pick<Clock, 'monotonic'>;
  readonly records: Counter;
  readonly seconds: Histogram;
  readonly bytes: Histogram;
}

export function measuredLogs(
  logs: LogStore,
  { clock, metrics }: { readonly clock: Pick<Clock, 'monotonic'>; readonly metrics: Metrics },
): LogStore {
  const labels = ['channel_name', 'status'];
  const measures = {
    clock,
    records: metrics.counter({
      name: 'milvus_wal_append_message_total',
      help: 'Records that were to be appended to the log.',
      labels,
    }),
    seconds: metrics.histogram({
      name: 'milvus_wal_append_message_duration_seconds',
      help: 'Time until a group of records was durable.',
      labels,
      buckets: SECONDS,
    }),
    bytes: metrics.histogram({
      name: 'milvus_wal_append_message_bytes',
      help: 'Bytes of a group of records.',
      labels,
      buckets: BYTES,
    }),
  };
  const open = new Map<string, WriteAheadLog>();
  metrics.collect((gauge) => {
    const bytes = gauge({
      name: 'elanus_wal_bytes',
      help: 'Bytes that a log takes on the disk.',
      labels: ['channel_name'],
    });
    for (const [channel_name, log] of open) bytes.set(log.bytes, { channel_name });
  });
  return {
    open: async (options: OpenLogOptions) => {
      const log = measured(await logs.open(options), options.name, measures);
      open.set(options.name, log);
      return log;
    },
    names: () => logs.names(),
    newestEpoch: () => logs.newestEpoch(),
  };
}

function measured(log: WriteAheadLog, channel_name: string, measures: Measures): WriteAheadLog {
  return {
    get nextLsn() {
      return log.nextLsn;
    },
    get firstLsn() {
      return log.firstLsn;
    },
    get bytes() {
      return log.bytes;
    },
    append: (payloads) => {
      const begunMs = measures.clock.monotonic();
      const bytes = bytesOf(payloads);
      const note = (status: string): void => {
        const labels = { channel_name, status };
        measures.records.add(payloads.length, labels);
        measures.bytes.observe(bytes, labels);
        measures.seconds.observe((measures.clock.monotonic() - begunMs) / 1000, labels);
      };
      const appended = log.append(payloads);
      // Beside the append, which nobody has to wait for longer.
      appended.then(
        () => note('ok'),
        () => note('error'),
      );
      return appended;
    },
    read: (begin) => log.read(begin),
    bytesBefore: (end) => log.bytesBefore(end),
    truncate: (end) => log.truncate(end),
    settle: () => log.settle(),
    close: () => log.close(),
  };
}

const bytesOf = (payloads: readonly LogPayload[]): number =>
  payloads.reduce((sum, payload) => sum + payloadLength(payload), 0);
