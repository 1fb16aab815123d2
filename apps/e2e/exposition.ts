/** A metric as `/metrics` shows it. */
export interface ShownMetric {
  readonly name: string;
  readonly type: string;
  readonly help: string;
  /** Of every series, buckets and sums left out. */
  readonly series: readonly Readonly<Record<string, string>>[];
  readonly lines: number;
}

/** Reads the text format of Prometheus. @throws Error for a metric that is described twice, or a series that does not stand under its description */
export function readExposition(text: string): Map<string, ShownMetric> {
  const metrics = new Map<string, ShownMetric & { series: Record<string, string>[]; lines: number }>();
  let current: (ShownMetric & { series: Record<string, string>[]; lines: number }) | undefined;
  for (const line of text.split('\n').filter((each) => each !== '')) {
    const [, name = '', help = ''] = /^# HELP (\S+) (.*)$/.exec(line) ?? [];
    if (name) {
      if (metrics.has(name)) throw new Error(`${name} is described twice`);
      current = { name, help, type: 'untyped', series: [], lines: 0 };
      metrics.set(name, current);
      continue;
    }
    if (!current) throw new Error(`no description above ${line}`);
    const type = /^# TYPE \S+ (\S+)$/.exec(line)?.[1];
    if (type) {
      Object.assign(current, { type });
      continue;
    }
    const [, series = '', labels = ''] = /^([a-z_0-9]+)(?:\{(.*)\})? \S+$/.exec(line) ?? [];
    if (series.replace(/_(bucket|sum|count)$/, '') !== current.name && series !== current.name)
      throw new Error(`${line} does not stand under its description`);
    current.lines++;
    const named = Object.fromEntries(
      [...labels.matchAll(/(\w+)="([^"]*)"/g)].map(([, label = '', value = '']) => [label, value]),
    );
    if (current.type !== 'histogram' || series.endsWith('_count')) current.series.push(named);
  }
  return metrics;
}
