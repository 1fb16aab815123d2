import { collectDefaultMetrics, Registry } from 'prom-client';

let processIsMeasured = false;

/**
 * A registry of one service; never the global one, as several services may share a process.
 *
 * @param options.processMetrics memory, CPU and event loop of the process too; only the first registry of a process
 *   gets them, as each would add its own observers
 */
export function createMetrics(service: string, { processMetrics }: { processMetrics: boolean }): Registry {
  const registry = new Registry();
  registry.setDefaultLabels({ service });
  if (processMetrics && !processIsMeasured) {
    processIsMeasured = true;
    collectDefaultMetrics({ register: registry });
  }
  return registry;
}
