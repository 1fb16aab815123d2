import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A span as a collector got it. */
export interface CollectedSpan {
  readonly service: string;
  readonly traceId: string;
  readonly spanId: string;
  /** Empty of one that begins a trace. */
  readonly parentSpanId: string;
  readonly name: string;
  readonly startNs: bigint;
  readonly endNs: bigint;
  readonly attributes: Readonly<Record<string, string | number | boolean>>;
  readonly failed: boolean;
}

/** An OpenTelemetry collector of a test: takes OTLP over HTTP as JSON. */
export interface TraceCollector {
  /** For `OTEL_EXPORTER_OTLP_ENDPOINT`. */
  readonly endpoint: string;
  spans(): readonly CollectedSpan[];
  /** All that was sent, as it came. */
  text(): string;
  stop(): Promise<void>;
}

/** @see https://opentelemetry.io/docs/specs/otlp/#otlphttp-request */
interface ExportRequest {
  readonly resourceSpans: readonly {
    readonly resource: { readonly attributes: readonly KeyValue[] };
    readonly scopeSpans: readonly { readonly spans: readonly SentSpan[] }[];
  }[];
}

interface SentSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly KeyValue[];
  readonly status: { readonly code: number };
}

interface KeyValue {
  readonly key: string;
  readonly value: Readonly<Record<string, string | number | boolean>>;
}

const STATUS_ERROR = 2;
/** Makes the services of a test send what they have at once, instead of every five seconds. */
export const PROMPT_SPANS = { OTEL_BSP_SCHEDULE_DELAY: '100' };

export async function startTraceCollector(): Promise<TraceCollector> {
  const bodies: string[] = [];
  const server = createServer((request, response) => {
    let body = '';
    request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
    request.on('end', () => {
      if (request.url === '/v1/traces') bodies.push(body);
      response.writeHead(request.url === '/v1/traces' ? 200 : 404, { 'Content-Type': 'application/json' }).end('{}');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans: () => bodies.flatMap((body) => spansOf(JSON.parse(body) as ExportRequest)),
    text: () => bodies.join('\n'),
    stop: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

function spansOf({ resourceSpans }: ExportRequest): CollectedSpan[] {
  return resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(fieldsOf(resource.attributes)['service.name']);
    return scopeSpans.flatMap(({ spans }) =>
      spans.map((span) => ({
        service,
        traceId: span.traceId,
        spanId: span.spanId,
        parentSpanId: span.parentSpanId ?? '',
        name: span.name,
        startNs: BigInt(span.startTimeUnixNano),
        endNs: BigInt(span.endTimeUnixNano),
        attributes: fieldsOf(span.attributes),
        failed: span.status.code === STATUS_ERROR,
      })),
    );
  });
}

function fieldsOf(pairs: readonly KeyValue[]): Record<string, string | number | boolean> {
  return Object.fromEntries(pairs.map(({ key, value }) => [key, Object.values(value)[0] ?? '']));
}

/** The spans of one trace as a tree in text, the first at the top, each with its service and how many milliseconds it took. */
export function drawTrace(spans: readonly CollectedSpan[]): string {
  const known = new Set(spans.map(({ spanId }) => spanId));
  const childrenOf = (id: string | undefined) =>
    spans
      .filter(({ parentSpanId }) => (id === undefined ? !known.has(parentSpanId) : parentSpanId === id))
      .sort((a, b) => (a.startNs < b.startNs ? -1 : 1));
  const draw = (span: CollectedSpan, depth: number): string[] => {
    const ms = (Number(span.endNs - span.startNs) / 1e6).toFixed(1);
    const line = `${'  '.repeat(depth)}${span.name}`.padEnd(72);
    return [`${line} ${span.service.padEnd(18)}${ms.padStart(7)} ms`, ...children(span.spanId, depth + 1)];
  };
  const children = (id: string | undefined, depth: number): string[] =>
    childrenOf(id).flatMap((span) => draw(span, depth));
  return children(undefined, 0).join('\n');
}
