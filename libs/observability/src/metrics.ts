import { collectDefaultMetrics, Registry } from 'prom-client';

/**
 * A registry of one service; never the global one, as several services may share a process.
 *
 * @param options.processMetrics memory, CPU and event loop of the process too; once per process is enough
 */
export function createMetrics(service: string, { processMetrics }: { processMetrics: boolean }): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (processMetrics) collectDefaultMetrics({ register: registry });
  return registry;
}
