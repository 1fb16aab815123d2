export { currentContext, withContext, type LogContext } from './context';
export { log, logAudit, logError, setDefaultLogger } from './default-logger';
export { createLogger, type LogFields, type Logger, type LoggerOptions } from './logger';
export { mergeMetrics, type MetricsSource } from './merge-metrics';
export { createMetrics, Metrics, type Counter, type Durations, type Labels, type Reading } from './metrics';
export { probe, readChecks, type ProbeAnswer, type ReadinessCheck, type ReadinessChecks } from './probe';
export { scrub } from './scrub';
export { startProbeServer, type ProbeServerOptions } from './probe-server';
export { childTraceparent, makeTraceparent, parseTraceparent, type TraceContext } from './trace-context';
