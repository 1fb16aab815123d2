import type { ActionDefinition, JsonObject } from '@agent-platform/contracts';
import { toProblem } from '@agent-platform/errors';
import { targetOf } from '../../../pipeline/audit-trail';
import { Refusal } from '../../../pipeline/authenticate';
import { jsonOf } from '../../json-of';
import type { StreamMessage } from '../../streams/feed';
import { MessageQueue } from '../../streams/message-queue';
import type { StreamDoor } from '../../streams/stream-door';
import type { StreamKind } from '../../streams/stream-routes';
import { ActionCalls, problemError, type CallParts, type Execution } from '../action-calls';

interface SubscriberParts extends CallParts {
  readonly streams: StreamDoor;
}

interface Subscription extends Execution {
  readonly key: string;
  /** Called when the agent may not go on reading. */
  readonly onRefused: (refusal: Refusal) => void;
}

/** The calls of a document that may subscribe. */
export class SubscriberCalls extends ActionCalls {
  constructor(
    private readonly subscriberParts: SubscriberParts,
    private readonly subscription: Subscription,
  ) {
    super(subscriberParts, subscription);
  }

  /** Opens a stream; its messages as they are read. @throws GraphQLError with the problem, the iterator too */
  follow(
    kind: StreamKind,
    action: ActionDefinition,
    params: JsonObject,
    reader: (message: StreamMessage) => object,
  ): Promise<AsyncIterable<object>> {
    const { origin, key, onRefused } = this.subscription;
    const subject = { action, pathParams: targetOf(params) };
    return this.reported(subject, async () => {
      const identity = await this.admitCall(action);
      const sink = new MessageQueue();
      await this.subscriberParts.streams.follow({
        route: { kind, action, pathParams: {} },
        body: jsonOf(params),
        key,
        identity,
        requestId: origin.requestId,
        sink,
        onRefused: (refusal) => {
          this.parts.trail.noteRefusal(origin, subject, refusal);
          onRefused(refusal);
        },
      });
      this.parts.trail.note(origin, subject, null);
      return this.iterate(sink, reader);
    });
  }

  /** No generator: its end would wait for a message that may never come. */
  private iterate(sink: MessageQueue, reader: (message: StreamMessage) => object): AsyncIterable<object> {
    const messages: AsyncIterableIterator<object> = {
      next: async () => {
        try {
          const result = await sink.next();
          // What a message leads to is read anew for each.
          this.refresh();
          return result.done ? { done: true, value: undefined } : { done: false, value: reader(result.value) };
        } catch (error) {
          const outward = error instanceof Refusal ? error.outward : error;
          throw problemError(toProblem(outward, this.subscription.origin.requestId));
        }
      },
      return: async () => {
        await sink.return();
        return { done: true, value: undefined };
      },
      [Symbol.asyncIterator]: () => messages,
    };
    return messages;
  }
}
