import type { Registry } from 'prom-client';

/** What `/metrics` shows. */
export type MetricsSource = Pick<Registry, 'contentType' | 'metrics'>;

/**
 * What several registries export, as one text: series of one metric stand together under one description, as the format asks. They are told
 * apart by their label `service`; prom-client's own merge refuses names that occur twice.
 */
export function mergeMetrics(first: MetricsSource, ...more: readonly MetricsSource[]): MetricsSource {
  return { contentType: first.contentType, metrics: () => merged([first, ...more]) };
}

async function merged(registries: readonly MetricsSource[]): Promise<string> {
  const families = new Map<string, string[]>();
  for (const text of await Promise.all(registries.map((registry) => registry.metrics()))) {
    for (const family of text.trim().split('\n\n')) {
      const [help = '', type = '', ...series] = family.split('\n');
      const lines = families.get(help);
      if (lines) lines.push(...series);
      else if (help) families.set(help, [help, type, ...series]);
    }
  }
  return `${[...families.values()].map((lines) => lines.join('\n')).join('\n\n')}\n`;
}
