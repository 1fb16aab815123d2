import { AgentPlatformError, errorOf, unreadable } from './errors';
import type { CloudEvent, Command, Run, RunStep, StreamCommandsRequest, StreamEventsRequest } from './generated/types';
import { delay, retryDelay } from './retry';
import { MAX_RETRIES, queryOf, type Sender } from './sender';
import { SseParser, type SseMessage } from './sse';

/** What a stream of a run tells: the run, its steps, and its end. */
export type RunUpdate =
  | { readonly event: 'run'; readonly run: Run }
  | { readonly event: 'step'; readonly step: RunStep }
  | { readonly event: 'end'; readonly run: { readonly id: string; readonly status: Run['status'] } };

export interface StreamOptions {
  /** Ends the stream. */
  readonly signal?: AbortSignal;
  /** To go on behind a message, by the id that came with it. */
  readonly lastEventId?: string;
  /** Told the id of each message: where to go on, should this process end. */
  readonly onPosition?: (id: string) => void;
  /** Told each time when the connection was lost and is made again. */
  readonly onReconnect?: (error: AgentPlatformError | undefined) => void;
}

/** How soon to come back where the server has not said. */
const RETRY_MS = 2000;
/** The platform says every 15 s that a stream lives; one that says nothing for so long is dead, and is made anew. */
const SILENCE_MS = 90_000;
const ENDLESS = Number.POSITIVE_INFINITY;

/** What happens, as it happens. Streams come back by themselves where they were, for as long as that may help. */
export class Streams {
  constructor(private readonly sender: Sender) {}

  /** The events that the agent may see, from now on, or from where the options say. */
  async *events(params: StreamEventsRequest = {}, options: StreamOptions = {}): AsyncGenerator<CloudEvent> {
    for await (const { data } of this.messages('/v1/events/stream', params, options))
      yield JSON.parse(data) as CloudEvent;
  }

  /** One run and its steps, until it ends. */
  async *run(id: string, options: StreamOptions = {}): AsyncGenerator<RunUpdate> {
    const path = `/v1/runs/${encodeURIComponent(id)}/stream`;
    for await (const { event, data } of this.messages(path, {}, options)) {
      const value = JSON.parse(data) as never;
      if (event === 'step') yield { event, step: value };
      else if (event === 'run') yield { event, run: value };
      else if (event === 'end') return void (yield { event, run: value });
    }
  }

  /** The commands of the agent, taken as they come. */
  async *commands(params: StreamCommandsRequest = {}, options: StreamOptions = {}): AsyncGenerator<Command> {
    for await (const { data } of this.messages('/v1/me/commands/stream', params, options))
      yield JSON.parse(data) as Command;
  }

  /** Comes back until it is refused for good, or until the options end it; where it has never begun, as often as a request is sent again. */
  private async *messages(path: string, query: object, options: StreamOptions): AsyncGenerator<SseMessage> {
    const { signal } = options;
    let position = options.lastEventId ?? '';
    let retryMs = RETRY_MS;
    let failures = 0;
    let most = this.sender.options.maxRetries ?? MAX_RETRIES;
    while (!signal?.aborted) {
      let lost: AgentPlatformError | undefined;
      let pauseMs: number | undefined = 0;
      try {
        const parsed: SseMessage[] = [];
        const parser = new SseParser((message) => parsed.push(message));
        parser.lastEventId = position;
        for await (const chunk of this.chunks(path, query, position, signal)) {
          failures = 0;
          most = ENDLESS;
          parser.push(chunk);
          yield* parsed.splice(0);
          // Remembered once what came before it was taken.
          if (parser.lastEventId !== position) {
            position = parser.lastEventId;
            options.onPosition?.(position);
          }
          retryMs = parser.retryMs ?? retryMs;
        }
      } catch (error) {
        if (signal?.aborted) return;
        if (!(error instanceof AgentPlatformError)) throw error;
        pauseMs = retryDelay(error, failures++, most);
        if (pauseMs === undefined) throw error;
        lost = error;
      }
      if (signal?.aborted) return;
      options.onReconnect?.(lost);
      await delay(lost?.retryAfterMs ?? Math.max(retryMs, pauseMs), signal);
    }
  }

  private async *chunks(path: string, query: object, position: string, signal?: AbortSignal): AsyncGenerator<string> {
    const { sender } = this;
    const gone = new AbortController();
    const abort = () => gone.abort();
    signal?.addEventListener('abort', abort);
    let silence = setTimeout(abort, SILENCE_MS);
    try {
      const response = await sender.fetch(sender.url + path + queryOf(Object.entries(query)), {
        headers: sender.headers({ Accept: 'text/event-stream', 'Last-Event-ID': position || undefined }),
        signal: gone.signal,
      });
      if (!response.ok || !response.body)
        throw errorOf(response.status, await response.text(), response.headers.get('retry-after'));
      if (!response.headers.get('content-type')?.startsWith('text/event-stream'))
        throw unreadable('a stream of events');
      const reader = (response.body as ReadableStream<Uint8Array>).getReader();
      const decoder = new TextDecoder();
      for (let read = await reader.read(); !read.done; read = await reader.read()) {
        clearTimeout(silence);
        yield decoder.decode(read.value, { stream: true });
        silence = setTimeout(abort, SILENCE_MS);
      }
    } catch (cause) {
      if (cause instanceof AgentPlatformError) throw cause;
      throw new AgentPlatformError(
        'client.network',
        'The connection to the platform was lost.',
        { retryable: true },
        { cause },
      );
    } finally {
      clearTimeout(silence);
      signal?.removeEventListener('abort', abort);
      gone.abort();
    }
  }
}
