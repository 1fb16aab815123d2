import { API, type JsonSchema } from '@agent-platform/api-description';
import { getRun, listEvents, listMyCommands, type ActionDefinition, type JsonObject } from '@agent-platform/contracts';
import {
  GraphQLNonNull,
  GraphQLObjectType,
  GraphQLString,
  type GraphQLFieldConfig,
  type GraphQLFieldConfigMap,
} from 'graphql';
import type { StreamMessage } from '../../streams/feed';
import type { StreamKind } from '../../streams/stream-routes';
import type { Types } from '../types';
import type { SubscriberCalls } from './subscriber-calls';

type SubscriptionField = GraphQLFieldConfig<unknown, SubscriberCalls>;

/** The streams of the gateway as subscriptions. */
export function subscriptionFields(types: Types): GraphQLFieldConfigMap<unknown, SubscriberCalls> {
  const progress = new GraphQLObjectType({
    name: 'RunProgress',
    description: 'What has changed of a run.',
    fields: {
      event: {
        type: new GraphQLNonNull(GraphQLString),
        description: '`run`: the run itself. `step`: one of its steps. `end`: it has ended; nothing comes after it.',
      },
      run: { type: types.named('Run'), description: 'Of `run`, and of `end` as it was last.' },
      step: { type: types.named('RunStep'), description: 'Of `step`.' },
    },
  });
  const received = new GraphQLObjectType({
    name: 'ReceivedEvent',
    fields: {
      cursor: { type: GraphQLString, description: 'To go on behind this event: the argument `after`.' },
      event: { type: new GraphQLNonNull(types.named('CloudEvent')) },
    },
  });
  return {
    runProgress: {
      description: 'Follows one run until it ends: first all of it, then what changes. Needs `workflow_read`.',
      type: new GraphQLNonNull(progress),
      args: argsOf(types, 'StreamRunRequest', ['lastEventId']),
      ...following('run', getRun, readProgress),
    },
    events: {
      description:
        'The events that the agent may see, from now on, or behind `after`, or since a time. Needs `event_subscribe`.',
      type: new GraphQLNonNull(received),
      args: {
        ...argsOf(types, 'StreamEventsRequest', ['lastEventId']),
        after: { type: GraphQLString, description: 'The `cursor` of the event that was read last.' },
      },
      ...following('events', listEvents, () => ({ id, data }) => ({ cursor: id, event: JSON.parse(data) as object })),
    },
    commands: {
      description: "Takes the calling agent's commands as they come; answer each with `meRespond`.",
      type: new GraphQLNonNull(types.named('Command')),
      args: argsOf(types, 'StreamCommandsRequest', ['lastEventId']),
      ...following(
        'commands',
        listMyCommands,
        () =>
          ({ data }) =>
            JSON.parse(data) as object,
      ),
    },
  };
}

function argsOf(types: Types, request: string, left: readonly string[]) {
  const { properties = {}, required = [] } = API.schemas[request] ?? {};
  const kept = Object.entries(properties).filter(([name]) => !left.includes(name));
  return Object.fromEntries(
    kept.map(([name, schema]: [string, JsonSchema]) => {
      const type = types.input(schema, name);
      return [
        name,
        { type: required.includes(name) ? new GraphQLNonNull(type) : type, description: schema.description },
      ];
    }),
  );
}

/** @param reading makes the reader of one subscription's messages */
function following(
  kind: StreamKind,
  action: ActionDefinition,
  reading: () => (message: StreamMessage) => object,
): Pick<SubscriptionField, 'subscribe' | 'resolve'> {
  return {
    subscribe: async (_source, { after, ...others }: JsonObject, subscriber) => {
      const params = { ...others, ...(typeof after === 'string' && { lastEventId: after }) };
      return subscriber.follow(kind, action, params, reading());
    },
    resolve: (payload) => payload,
  };
}

/** The end shows the run as it was last. */
function readProgress(): (message: StreamMessage) => object {
  let run: object | undefined;
  return ({ event, data }) => {
    const value = JSON.parse(data) as object;
    if (event === 'step') return { event, step: value };
    if (event === 'run') run = value;
    return { event, run };
  };
}
