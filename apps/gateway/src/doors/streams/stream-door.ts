import {
  StreamCommandsRequest,
  StreamEventsRequest,
  StreamRunRequest,
  type ActionDefinition,
} from '@agent-platform/contracts';
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
import { StreamHolder } from './stream-holder';
import type { StreamRoute } from './stream-routes';

/** What a request for a stream asks for. */
export interface AskedStream extends StreamRoute {
  readonly door: 'stream';
  readonly queryParams: Readonly<Record<string, string | string[]>>;
}

interface DoorParts {
  readonly bus: Bus;
  readonly identities: IdentityCache;
  readonly open: OpenStreams;
  readonly times: StreamTimes;
  readonly logger: Logger;
}

/** Server-sent events: a door behind the pipeline, whose answers do not end. */
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
    const { identities, open, times, logger } = this.parts;
    const { feed, after } = this.feedOf(exchange, asked, body);
    const credentials = readCredentials(exchange.request);
    const holder = new StreamHolder({
      key: 'key' in credentials ? credentials.key : '',
      identity,
      action: asked.action,
      identities,
      onLost: (error) => stream.lose(error),
    });
    const stream = new LiveStream({
      kind: asked.kind,
      exchange,
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

  private feedOf(exchange: Exchange, asked: AskedStream, body: Buffer): { feed: Feed; after: string | null } {
    const { bus } = this.parts;
    // A browser that comes back sends the header, beside the address that it began with.
    const header = exchange.request.headers['last-event-id'];
    const queryParams = header ? { ...asked.queryParams, lastEventId: header } : asked.queryParams;
    const read = <Wanted extends object>(request: new () => Wanted): Wanted => {
      const action = { ...asked.action, request } as ActionDefinition<Wanted>;
      return readParams(action, { queryParams, pathParams: asked.pathParams }, body);
    };
    if (asked.kind === 'events') {
      const wanted = read(StreamEventsRequest);
      return { feed: new EventFeed(bus, wanted), after: wanted.lastEventId ?? null };
    }
    if (asked.kind === 'commands') return { feed: new CommandFeed(bus, read(StreamCommandsRequest)), after: null };
    const wanted = read(StreamRunRequest);
    return { feed: new RunFeed(bus, wanted.id), after: wanted.lastEventId ?? null };
  }
}
