// Counters, gauges and histograms; names carry their unit (`milvus_proxy_req_latency_ms`). Registering a name twice gives the same metric.
export type Labels = Readonly<Record<string, string>>;
export interface Counter {
  add(amount: number, labels?: Labels): void;
}

export interface Gauge {
  set(value: number, labels?: Labels): void;
}

/** A gauge that begins at nothing with every reading. */
export interface Measured extends Gauge {
  add(amount: number, labels?: Labels): void;
}

/** Measures what is there when somebody reads. Gauges that it asks for have the values of this reading: what is gone is not shown any more. */
export type Collector = (gauge: (spec: MetricSpec) => Measured) => void;

export interface Histogram {
  observe(value: number, labels?: Labels): void;
}

export interface MetricSpec {
  readonly name: string;
  readonly help: string;
  readonly labels?: readonly string[];
}

export interface Metrics {
  counter(spec: MetricSpec): Counter;
  gauge(spec: MetricSpec): Gauge;
  histogram(spec: MetricSpec & { readonly buckets: readonly number[] }): Histogram;
  /** Called before each rendering. */
  collect(collector: Collector): void;
  /** Prometheus text exposition format 0.0.4. */
  render(): Promise<string>;
}
