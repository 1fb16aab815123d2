import { StreamCommandsRequest, StreamEventsRequest, StreamRunRequest } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { readParams, type Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import type { Refusal } from '../../pipeline/authenticate';
import { readCredentials } from '../../pipeline/credentials';
import type { Exchange } from '../../pipeline/exchange';
import type { IdentityCache, Known } from '../../pipeline/identity-cache';
import { CommandFeed } from './command-feed';
import { EventFeed } from './event-feed';
import type { Feed } from './feed';
import { LiveStream, type StreamTimes } from './live-stream';
import type { OpenStreams } from './open-streams';
import { RunFeed } from './run-feed';
import { SseWriter } from './sse-writer';
import { StreamHolder } from './stream-holder';
import type { StreamRoute } from './stream-routes';
import type { StreamSink } from './stream-sink';

/** What a request for a stream asks for. */
export interface AskedStream extends StreamRoute {
  readonly door: 'stream';
  readonly queryParams: Readonly<Record<string, string | string[]>>;
}

/** Someone who follows something. */
export interface Following {
  readonly route: StreamRoute & { readonly queryParams?: AskedStream['queryParams'] };
  /** JSON of params that are not in the route. */
  readonly body: Buffer;
  readonly key: string;
  readonly identity: Known;
  readonly requestId: string;
  readonly sink: StreamSink;
  /** Called when the agent may not go on reading. */
  readonly onRefused: (refusal: Refusal) => void;
}

interface DoorParts {
  readonly bus: Bus;
  readonly identities: IdentityCache;
  readonly open: OpenStreams;
  readonly times: StreamTimes;
  readonly logger: Logger;
}

/** Streams: a door behind the pipeline, whose answers do not end. Over REST they are server-sent events. */
export class StreamDoor {
  constructor(private readonly parts: DoorParts) {}

  /**
   * Resolves once the stream has begun.
   *
   * @param onRefused called when the agent may not go on reading
   * @throws Refusal 429 `event.streams.too-many`, 401, 403; AppError 422 `request.invalid`, 404, 503
   */
  async open(
    exchange: Exchange,
    identity: Known,
    asked: AskedStream,
    body: Buffer,
    onRefused: (refusal: Refusal) => void,
  ): Promise<void> {
    // A browser that comes back sends the header, beside the address that it began with.
    const header = exchange.request.headers['last-event-id'];
    const queryParams = header ? { ...asked.queryParams, lastEventId: header } : asked.queryParams;
    const credentials = readCredentials(exchange.request);
    await this.follow({
      route: { ...asked, queryParams },
      body,
      key: 'key' in credentials ? credentials.key : '',
      identity,
      requestId: exchange.requestId,
      sink: new SseWriter(exchange, this.parts.times),
      onRefused,
    });
  }

  /** Opens a stream of any kind. Resolves and throws as `open` does. */
  async follow({ route, body, key, identity, requestId, sink, onRefused }: Following): Promise<void> {
    const { identities, open, times, logger } = this.parts;
    const { feed, after } = this.feedOf(route, body);
    const holder = new StreamHolder({
      key,
      identity,
      action: route.action,
      identities,
      onLost: (error) => stream.lose(error),
    });
    const stream = new LiveStream({
      kind: route.kind,
      requestId,
      sink,
      feed,
      holder,
      times,
      logger,
      after,
      onEnd: (error) => {
        open.remove(stream, identity);
        if (error && !(error instanceof AppError)) onRefused(error);
      },
    });
    open.add(stream, identity);
    await stream.open();
  }

  private feedOf(
    { kind, action, queryParams, pathParams }: Following['route'],
    body: Buffer,
  ): { feed: Feed; after: string | null } {
    const { bus } = this.parts;
    const read = <Wanted extends object>(request: new () => Wanted): Wanted =>
      readParams({ ...action, request }, { queryParams, pathParams }, body);
    if (kind === 'events') {
      const wanted = read(StreamEventsRequest);
      return { feed: new EventFeed(bus, wanted), after: wanted.lastEventId ?? null };
    }
    if (kind === 'commands') return { feed: new CommandFeed(bus, read(StreamCommandsRequest)), after: null };
    const wanted = read(StreamRunRequest);
    return { feed: new RunFeed(bus, wanted.id), after: wanted.lastEventId ?? null };
  }
}
