export { currentContext, withContext, withoutContext, type RequestContext } from './context';
export { log, logAudit, logError, setDefaultLogger } from './default-logger';
export { Lifecycle, type ServiceChecks } from './lifecycle';
export { createLogger, type LogFields, type Logger, type LoggerOptions } from './logger';
export { mergeMetrics, type MetricsSource } from './merge-metrics';
export { createMetrics, Metrics, type Counter, type Durations, type Labels, type Reading } from './metrics';
export { isProbePath, probe, readChecks, type ProbeAnswer, type ReadinessCheck, type ReadinessChecks } from './probe';
export { scrub } from './scrub';
export { startProbeServer, type ProbeServerOptions } from './probe-server';
export { startTracing, type TracingOptions } from './start-tracing';
export { childTraceparent, makeTraceparent, parseTraceparent, unrecorded, type TraceContext } from './trace-context';
export {
  errorTypeOf,
  spanned,
  spannedNow,
  withTrace,
  type Attributes,
  type Span,
  type SpanKind,
  type Tracer,
} from './tracer';
