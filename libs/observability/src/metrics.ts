import { collectDefaultMetrics, Registry, type Metric } from 'prom-client';

/** The values that each label can have, in the order of the labels. Anything else is counted as `other`. */
export type Labels = Readonly<Record<string, readonly string[]>>;
/** A value of a gauge with the values of its labels. */
export type Reading = readonly [value: number, ...labels: string[]];
type Read<Readings> = () => Readings | Promise<Readings>;

/** Sets of labels up to this number are exported from the start, so that a rate sees the first of each. */
const MAX_ZEROS = 16;
const OTHER = 'other';
/** From half a millisecond to a minute, about doubling. */
const SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

let processIsMeasured = false;

/** The metrics of one service. Never the global registry, as several services may share a process. */
export class Metrics extends Registry {
  constructor(readonly service: string) {
    super();
    this.setDefaultLabels({ service });
  }

  /** Something that is counted. @param name ends in `_total` */
  counter(name: string, help: string, labels: Labels = {}): Counter {
    return this.keep(new Counter(name, help, labels));
  }

  /** How long something takes, in seconds. @param name ends in `_seconds` */
  durations(name: string, help: string, labels: Labels = {}, bounds: readonly number[] = SECONDS): Durations {
    return this.keep(new Durations(name, help, labels, bounds));
  }

  /**
   * Something that is read when it is asked for; what cannot be read is left out.
   *
   * @param labels names; their values are for the code to bound
   */
  gauge(name: string, help: string, labels: readonly string[], read: Read<readonly Reading[] | number>): void {
    this.keep(new Gauge(name, help, labels, 'gauge', read));
  }

  /** Something that another part counts already. @param name ends in `_total` */
  counted(name: string, help: string, labels: readonly string[], read: Read<readonly Reading[] | number>): void {
    this.keep(new Gauge(name, help, labels, 'counter', read));
  }

  private keep<Kind extends Exported>(metric: Kind): Kind {
    this.registerMetric(metric as unknown as Metric);
    return metric;
  }
}

/** @param options.processMetrics memory, CPU and event loop of the process too; only the first of a process has them, as each would add its own observers */
export function createMetrics(service: string, { processMetrics }: { processMetrics: boolean }): Metrics {
  const metrics = new Metrics(service);
  if (processMetrics && !processIsMeasured) {
    processIsMeasured = true;
    collectDefaultMetrics({ register: metrics });
  }
  return metrics;
}

interface Sample {
  readonly metricName: string;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly value: number;
}

/** What a registry asks of its metrics. */
interface Exported {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  get(): Promise<{ readonly name: string; readonly help: string; readonly type: string; readonly values: Sample[] }>;
}

/**
 * Children by the values of their labels. prom-client checks and hashes labels with each observation, also those of its
 * `labels()`, at some 700 ns; a child here is a lookup of one string, 60 ns with the observation, and can be kept.
 */
abstract class Family<Child> implements Exported {
  abstract readonly type: string;
  private readonly children = new Map<string, { readonly labels: Record<string, string>; readonly child: Child }>();
  private readonly allowed: readonly ReadonlySet<string>[];

  constructor(
    readonly name: string,
    readonly help: string,
    readonly labels: Labels,
  ) {
    this.allowed = Object.values(labels).map((values) => new Set(values));
  }

  /** The child with these values of the labels, in their order. */
  of(...values: string[]): Child {
    const key = values.length === 1 ? (values[0] as string) : values.join('\n');
    return this.children.get(key)?.child ?? this.add(values);
  }

  get() {
    const { name, help, type } = this;
    const values = [...this.children.values()].flatMap(({ labels, child }) => this.samples(child, labels));
    return Promise.resolve({ name, help, type, values });
  }

  protected begin(): void {
    const lists = Object.values(this.labels);
    if (lists.reduce((product, { length }) => product * length, 1) > MAX_ZEROS) return;
    for (const values of combinations(lists)) this.of(...values);
  }

  protected abstract make(): Child;
  protected abstract samples(child: Child, labels: Record<string, string>): Sample[];

  private add(given: readonly string[]): Child {
    const values = this.allowed.map((set, index) => (set.has(given[index] ?? '') ? (given[index] as string) : OTHER));
    const key = values.join('\n');
    const known = this.children.get(key);
    if (known) return known.child;
    const labels = Object.fromEntries(Object.keys(this.labels).map((name, index) => [name, values[index] ?? OTHER]));
    const child = this.make();
    this.children.set(key, { labels, child });
    return child;
  }
}

function combinations(lists: readonly (readonly string[])[]): string[][] {
  return lists.reduce<string[][]>((sets, list) => sets.flatMap((set) => list.map((value) => [...set, value])), [[]]);
}

/** One of the numbers of a counter. */
class Count {
  value = 0;

  inc(by = 1): void {
    this.value += by;
  }
}

/** Counts, by labels. */
export class Counter extends Family<Count> {
  readonly type = 'counter';

  constructor(name: string, help: string, labels: Labels) {
    super(name, help, labels);
    this.begin();
  }

  inc(...values: string[]): void {
    this.of(...values).inc();
  }

  protected make(): Count {
    return new Count();
  }

  protected samples({ value }: Count, labels: Record<string, string>): Sample[] {
    return [{ metricName: this.name, labels, value }];
  }
}

/** How long one kind of thing has taken. */
class Distribution {
  sum = 0;
  readonly counts: number[];

  constructor(private readonly bounds: readonly number[]) {
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(seconds: number): void {
    this.sum += seconds;
    let index = 0;
    while (index < this.bounds.length && seconds > (this.bounds[index] as number)) index++;
    this.counts[index] = (this.counts[index] as number) + 1;
  }

  /** @param startedAt of `performance.now()` */
  since(startedAt: number): void {
    this.observe((performance.now() - startedAt) / 1000);
  }
}

/** A histogram of durations, by labels. */
export class Durations extends Family<Distribution> {
  readonly type = 'histogram';

  constructor(
    name: string,
    help: string,
    labels: Labels,
    private readonly bounds: readonly number[],
  ) {
    super(name, help, labels);
    this.begin();
  }

  protected make(): Distribution {
    return new Distribution(this.bounds);
  }

  protected samples({ counts, sum }: Distribution, labels: Record<string, string>): Sample[] {
    let count = 0;
    const buckets = counts.map((number, index) => {
      count += number;
      const le = this.bounds[index] ?? '+Inf';
      return { metricName: `${this.name}_bucket`, labels: { ...labels, le }, value: count };
    });
    const ends = { sum, count };
    return [
      ...buckets,
      ...Object.entries(ends).map(([end, value]) => ({ metricName: `${this.name}_${end}`, labels, value })),
    ];
  }
}

class Gauge implements Exported {
  constructor(
    readonly name: string,
    readonly help: string,
    private readonly labelNames: readonly string[],
    readonly type: 'gauge' | 'counter',
    private readonly read: Read<readonly Reading[] | number>,
  ) {}

  async get() {
    const { name, help, type } = this;
    return { name, help, type, values: await this.samples() };
  }

  private async samples(): Promise<Sample[]> {
    let readings: readonly Reading[] | number;
    try {
      readings = await this.read();
    } catch {
      return [];
    }
    const all: readonly Reading[] = typeof readings === 'number' ? [[readings]] : readings;
    return all.map(([value, ...values]) => {
      const labels = Object.fromEntries(this.labelNames.map((label, index) => [label, values[index] ?? OTHER]));
      return { metricName: this.name, labels, value };
    });
  }
}
