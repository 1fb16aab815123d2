import {
  COMMANDS_STREAM_PATH,
  EVENTS_STREAM_PATH,
  getRun,
  listEvents,
  listMyCommands,
  RUN_STREAM_PATH,
  type ActionDefinition,
} from '@agent-platform/contracts';

export const STREAM_KINDS = ['events', 'run', 'commands'] as const;
export type StreamKind = (typeof STREAM_KINDS)[number];

/** A path of a stream, with the action that it reads like. */
export interface StreamRoute {
  readonly kind: StreamKind;
  readonly action: ActionDefinition;
  readonly pathParams: Readonly<Record<string, string>>;
}

const RUN_PATH = new RegExp(`^${RUN_STREAM_PATH.replace('{id}', '([^/]+)')}$`);

/** @param path without the query string */
export function findStream(path: string): StreamRoute | undefined {
  if (path === EVENTS_STREAM_PATH) return { kind: 'events', action: listEvents, pathParams: {} };
  if (path === COMMANDS_STREAM_PATH) return { kind: 'commands', action: listMyCommands, pathParams: {} };
  const id = RUN_PATH.exec(path)?.[1];
  return id === undefined ? undefined : { kind: 'run', action: getRun, pathParams: { id } };
}
