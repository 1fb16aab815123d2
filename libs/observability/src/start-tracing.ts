import type { Attributes as OtelAttributes, SpanContext } from '@opentelemetry/api';
import type { Logger } from './logger';
import { parseTraceparent } from './trace-context';
import type { Attributes, Span, Tracer } from './tracer';

/** Where spans go, and how many. */
export interface TracingOptions {
  readonly service: string;
  readonly version: string;
  /** Base address of an OTLP collector that takes HTTP (port 4318 by convention); undefined: nothing is recorded. */
  readonly endpoint: string | undefined;
  /** `name=value,…`, for a collector that wants to know who sends. */
  readonly headers?: string;
  /** The part of the traces that begin here that is recorded, 0 to 1. */
  readonly ratio: number;
  /** Callers are strangers: that theirs is recorded does not mean that all of it is here. */
  readonly isEdge?: boolean;
  readonly logger: Logger;
}

const EXPORT_TIMEOUT_MS = 5000;
const CLOSE_TIMEOUT_MS = 700;
/** Of a collector that is away no more is said than this often. */
const WARN_EVERY_MS = 60_000;

/**
 * The tracer of one service: OpenTelemetry's SDK, sending to a collector by OTLP over HTTP. The SDK is loaded only here, as
 * it takes 17 MB; spans that the collector does not take are dropped, and hold up nothing.
 *
 * @see https://opentelemetry.io/docs/specs/otel/protocol/exporter/
 */
export async function startTracing(options: TracingOptions): Promise<Tracer | undefined> {
  const { service, version, endpoint, headers, ratio, isEdge = false, logger } = options;
  if (endpoint === undefined) return undefined;
  const [api, sdk, { resourceFromAttributes }, { OTLPTraceExporter }] = await Promise.all([
    import('@opentelemetry/api'),
    import('@opentelemetry/sdk-trace-base'),
    import('@opentelemetry/resources'),
    import('@opentelemetry/exporter-trace-otlp-http'),
  ]);
  const share = new sdk.TraceIdRatioBasedSampler(ratio);
  const exporter = new OTLPTraceExporter({
    url: `${endpoint.replace(/\/+$/, '')}/v1/traces`,
    headers: readHeaders(headers),
    timeoutMillis: EXPORT_TIMEOUT_MS,
  });
  const provider = new sdk.BasicTracerProvider({
    resource: resourceFromAttributes({
      'service.namespace': 'agent-platform',
      'service.name': service,
      'service.version': version,
    }),
    sampler: new sdk.ParentBasedSampler({ root: share, ...(isEdge && { remoteParentSampled: share }) }),
    spanProcessors: [new sdk.BatchSpanProcessor(watched(exporter, logger))],
  });
  const tracer = provider.getTracer('agent-platform', version);
  const kinds = { server: api.SpanKind.SERVER, client: api.SpanKind.CLIENT, internal: api.SpanKind.INTERNAL };
  return {
    begin: (name, { kind, attributes }, parent) => {
      const context = parent === undefined ? undefined : spanContextOf(parent);
      const root = context ? api.trace.setSpanContext(api.ROOT_CONTEXT, context) : api.ROOT_CONTEXT;
      const span = tracer.startSpan(
        name,
        {
          kind: kinds[kind],
          attributes: (typeof attributes === 'function' ? attributes() : attributes) as OtelAttributes,
        },
        root,
      );
      const { traceId, spanId, traceFlags } = span.spanContext();
      const ended = { code: api.SpanStatusCode.ERROR };
      return {
        traceparent: `00-${traceId}-${spanId}-${traceFlags & api.TraceFlags.SAMPLED ? '01' : '00'}`,
        rename: (to: string) => void span.updateName(to),
        set: (more: Attributes) => void span.setAttributes(more),
        end: (errorType?: string) => {
          if (errorType !== undefined) span.setAttribute('error.type', errorType).setStatus(ended);
          span.end();
        },
      } satisfies Span;
    },
    close: async () => {
      let timer: NodeJS.Timeout | undefined;
      const late = new Promise<void>((resolve) => (timer = setTimeout(resolve, CLOSE_TIMEOUT_MS)));
      await Promise.race([provider.shutdown().catch(() => undefined), late]);
      clearTimeout(timer);
    },
  };
}

/** Says in the log that spans are lost; the SDK would not. */
function watched<
  Exporter extends { export(spans: never, done: (result: { code: number; error?: Error }) => void): void },
>(exporter: Exporter, logger: Logger): Exporter {
  const send = exporter.export.bind(exporter);
  let quietUntil = 0;
  exporter.export = (spans, done) =>
    send(spans, (result) => {
      if (result.error && Date.now() >= quietUntil) {
        quietUntil = Date.now() + WARN_EVERY_MS;
        logger.warn({ msg: 'spans could not be sent to the collector and are dropped', err: result.error });
      }
      done(result);
    });
  return exporter;
}

function spanContextOf(traceparent: string): SpanContext | undefined {
  const parsed = parseTraceparent(traceparent);
  return (
    parsed && { traceId: parsed.traceId, spanId: parsed.parentId, traceFlags: parsed.sampled ? 1 : 0, isRemote: true }
  );
}

/** As OTEL_EXPORTER_OTLP_HEADERS has them: `name=value` separated by commas, values percent-encoded. */
function readHeaders(text = ''): Record<string, string> {
  const pairs = text.split(',').flatMap((pair) => {
    const at = pair.indexOf('=');
    return at > 0 ? [[pair.slice(0, at).trim(), decoded(pair.slice(at + 1).trim())] as const] : [];
  });
  return Object.fromEntries(pairs);
}

/** A value that is not encoded stands for itself. */
function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
