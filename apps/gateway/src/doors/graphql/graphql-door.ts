import { AppError, toProblem } from '@agent-platform/errors';
import type { Bus } from '@agent-platform/messaging';
import type { Logger } from '@agent-platform/observability';
import {
  execute,
  GraphQLError,
  OperationTypeNode,
  subscribe,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
} from 'graphql';
import { readCredentials } from '../../pipeline/credentials';
import type { Exchange } from '../../pipeline/exchange';
import type { Known } from '../../pipeline/identity-cache';
import { idempotencyKeyOf } from '../../pipeline/pipeline';
import { isSigned, verifySignature } from '../../pipeline/verify-signature';
import { SseWriter, type SseTimes } from '../streams/sse-writer';
import type { StreamDoor } from '../streams/stream-door';
import { ActionCalls, problemError, type CallParts } from './action-calls';
import type { Documents } from './documents';
import { InvalidDocument } from './invalid-document';
import { readRequest, RequestRefusal } from './request-params';
import { writeResults } from './subscriptions/sse-results';
import { SubscriberCalls } from './subscriptions/subscriber-calls';

const JSON_TYPE = 'application/json';
const EVENT_STREAM = 'text/event-stream';
const RESPONSE_TYPE = 'application/graphql-response+json';
/** Wishes for a media type, the first of which that can be fulfilled is (RFC 9110 section 12.5.1, without weights). */
const ACCEPTED: Readonly<Record<string, string>> = {
  [RESPONSE_TYPE]: RESPONSE_TYPE,
  [EVENT_STREAM]: EVENT_STREAM,
  [JSON_TYPE]: JSON_TYPE,
  'application/*': JSON_TYPE,
  '*/*': JSON_TYPE,
};

interface DoorParts extends CallParts {
  readonly streams: StreamDoor;
  readonly streamTimes: SseTimes;
  readonly bus: Bus;
  readonly schema: GraphQLSchema;
  readonly documents: Documents;
  readonly logger: Logger;
}

interface Answer {
  readonly status: number;
  readonly body: string;
  readonly headers: Record<string, string>;
}

/** GraphQL over HTTP (https://graphql.github.io/graphql-over-http/draft/): a door behind the pipeline, whose fields are actions. */
export class GraphQLDoor {
  constructor(private readonly parts: DoorParts) {}

  /**
   * Executes what a request asks for.
   *
   * @param lookAgain who asks, as it is now
   * @throws Refusal where it is not signed as it must be, and what `lookAgain` throws
   */
  async answer(exchange: Exchange, identity: Known, body: Buffer, lookAgain: () => Promise<Known>): Promise<Answer> {
    const { request } = exchange;
    const mediaType = acceptedType(request.headers.accept);
    if (mediaType === undefined) return refuse(406, `Accept ${RESPONSE_TYPE} or ${JSON_TYPE}.`, JSON_TYPE);
    const isGet = request.method === 'GET';
    const { url = '' } = request;
    const mark = url.indexOf('?');
    const search = mark < 0 ? '' : url.slice(mark + 1);
    try {
      const params = readRequest(isGet ? search : undefined, body, this.parts.documents);
      const variables = params.variables ?? {};
      const { documents } = this.parts;
      const { document, operation, rootFields } = documents.find(params.query, params.operationName, variables);
      const isMutation = operation.operation === OperationTypeNode.MUTATION;
      const isSubscription = operation.operation === OperationTypeNode.SUBSCRIPTION;
      if (isSubscription !== (mediaType === EVENT_STREAM)) {
        const message = isSubscription
          ? 'Subscribe over WebSocket (graphql-transport-ws), or with Accept: text/event-stream.'
          : 'Only subscriptions are streams. Accept application/json.';
        return refuse(400, message, JSON_TYPE);
      }
      if (isMutation && isGet)
        return {
          ...refuse(405, 'Send mutations by POST.', mediaType),
          headers: { 'Content-Type': contentType(mediaType), Allow: 'POST' },
        };
      const effect = isMutation ? 'write' : 'read';
      if (isSigned(request, identity, { effect })) await verifySignature(request, body, identity, this.parts.bus);
      const args = {
        schema: this.parts.schema,
        document,
        operationName: params.operationName,
        variableValues: variables,
      };
      if (isSubscription) return await this.subscribe(exchange, args, lookAgain);
      const calls = new ActionCalls(this.parts, {
        origin: exchange,
        identity: lookAgain,
        idempotencyKey: idempotencyKeyOf(request, { effect }),
        hasSeveralChanges: isMutation && rootFields > 1,
        onLimit: (limit) => (exchange.limit = limit),
        onSecret: () => (exchange.showsSecret = true),
      });
      const result = await execute({ ...args, contextValue: calls });
      return answerOf(calls.told(result), mediaType);
    } catch (error) {
      return answerOfFailure(error, mediaType, exchange.requestId);
    }
  }

  /** Server-sent events: what comes goes on by itself once it has begun. */
  private async subscribe(exchange: Exchange, args: ExecutionArgs, lookAgain: () => Promise<Known>): Promise<Answer> {
    const credentials = readCredentials(exchange.request);
    const calls = new SubscriberCalls(this.parts, {
      origin: exchange,
      identity: lookAgain,
      idempotencyKey: undefined,
      hasSeveralChanges: false,
      onSecret: () => undefined,
      key: 'key' in credentials ? credentials.key : '',
      // Its iterator ends with the error.
      onRefused: () => undefined,
    });
    const subscribed = await subscribe({ ...args, contextValue: calls });
    if (!(Symbol.asyncIterator in subscribed)) {
      return answerOf(calls.told(subscribed), JSON_TYPE, statusOf(subscribed));
    }
    void writeResults(new SseWriter(exchange, this.parts.streamTimes), subscribed, (result) => calls.told(result));
    return { status: 200, body: '', headers: {} };
  }
}

function acceptedType(accept = '*/*'): string | undefined {
  for (const wish of accept.toLowerCase().split(',')) {
    const [type = '', ...params] = wish.split(';').map((part) => part.trim());
    const charset = params.find((param) => param.startsWith('charset='));
    if (ACCEPTED[type] && (charset === undefined || /^charset="?utf-?8"?$/.test(charset))) return ACCEPTED[type];
  }
  return undefined;
}

function contentType(mediaType: string): string {
  return `${mediaType}; charset=utf-8`;
}

/** A result whose execution did not begin is 400 in the media type of GraphQL, and 200 in that of before it. */
function answerOf(
  result: ExecutionResult,
  mediaType: string,
  status = result.data !== undefined || mediaType === JSON_TYPE ? 200 : 400,
): Answer {
  return {
    status,
    body: JSON.stringify(result),
    headers: { 'Content-Type': contentType(mediaType === EVENT_STREAM ? JSON_TYPE : mediaType) },
  };
}

/** A subscription that does not begin is answered as REST answers a stream that does not. */
function statusOf({ errors }: ExecutionResult): number {
  const status = errors?.[0]?.extensions.status;
  return typeof status === 'number' ? status : 400;
}

function answerOfFailure(error: unknown, mediaType: string, requestId: string): Answer {
  if (error instanceof InvalidDocument) {
    const errors = error.errors.map(({ message, nodes, source, positions }) => {
      return new GraphQLError(message, { nodes, source, positions, extensions: { code: 'graphql.document.invalid' } });
    });
    return answerOf({ errors }, mediaType);
  }
  if (error instanceof RequestRefusal) {
    const errors = [new GraphQLError(error.message, { extensions: { code: error.code } })];
    return answerOf({ errors }, mediaType, error.status);
  }
  if (error instanceof AppError && error.code.startsWith('graphql.')) {
    return answerOf({ errors: [problemError(toProblem(error, requestId))] }, mediaType);
  }
  throw error;
}

function refuse(status: number, message: string, mediaType: string): Answer {
  const errors = [new GraphQLError(message, { extensions: { code: 'request.invalid' } })];
  return { status, body: JSON.stringify({ errors }), headers: { 'Content-Type': contentType(mediaType) } };
}
