export { withContext } from './context';
export { createLogger, type Logger } from './logger';
export { createMetrics } from './metrics';
export { probe, startProbeServer } from './probe-server';
export { childTraceparent, makeTraceparent } from './trace-context';
