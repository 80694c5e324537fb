// Metrics by prom-client, in a registry of their own so that several databases in one process stay apart.
import * as prom from 'prom-client';
import type { Counter, Gauge, Histogram, Metrics } from '#platform/metrics.js';

type Spec = Parameters<Metrics['counter']>[0];

export class PromMetrics implements Metrics {
  readonly #registry = new prom.Registry();
  readonly #made = new Map<string, Counter | Gauge | Histogram>();

  counter(spec: Spec): Counter {
    return this.#once(`counter ${spec.name}`, () => {
      const metric = new prom.Counter(this.#config(spec));
      return { add: (amount, labels) => metric.inc(labels ?? {}, amount) } satisfies Counter;
    });
  }

  gauge(spec: Spec): Gauge {
    return this.#once(`gauge ${spec.name}`, () => {
      const metric = new prom.Gauge(this.#config(spec));
      return { set: (value, labels) => metric.set(labels ?? {}, value) } satisfies Gauge;
    });
  }

  histogram(spec: Spec & { readonly buckets: readonly number[] }): Histogram {
    return this.#once(`histogram ${spec.name}`, () => {
      const metric = new prom.Histogram({ ...this.#config(spec), buckets: [...spec.buckets] });
      return { observe: (value, labels) => metric.observe(labels ?? {}, value) } satisfies Histogram;
    });
  }

  render(): Promise<string> {
    return this.#registry.metrics();
  }

  #config(spec: Spec): { name: string; help: string; labelNames: string[]; registers: prom.Registry[] } {
    return {
      name: spec.name,
      help: spec.help,
      labelNames: [...(spec.labels ?? [])],
      registers: [this.#registry],
    };
  }

  #once<M extends Counter | Gauge | Histogram>(id: string, make: () => M): M {
    const before = this.#made.get(id);
    if (before !== undefined) return before as M; // The kind is part of the id.
    const metric = make();
    this.#made.set(id, metric);
    return metric;
  }
}
