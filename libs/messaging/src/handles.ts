import 'reflect-metadata';
import type { ActionDefinition } from '@agent-platform/contracts';
import type { Call } from './action-call';
import type { Reply } from './reply';

/** What a method answers to an action. */
export type ActionHandler<Request> = (request: Request, call: Call) => Promise<Reply>;
/** What a method answers to an internal call. */
export type InternalHandler = (request: never) => Promise<object>;

export const ACTION_METADATA = Symbol('handled action');
export const INTERNAL_METADATA = Symbol('handled internal subject');

/** Makes a controller's method answer an action; it gets the validated request and the call. */
export function HandlesAction<Request extends object, Answer extends object>(
  action: ActionDefinition<Request, Answer>,
) {
  return <Method extends ActionHandler<Request>>(
    _target: object,
    _name: string | symbol,
    method: TypedPropertyDescriptor<Method>,
  ): void => {
    if (method.value) Reflect.defineMetadata(ACTION_METADATA, action, method.value);
  };
}

/** What `@HandlesInternal` notes of a method. */
export interface InternalHandling {
  readonly subject: string;
  /** Its calls wait for something to happen, and are not waited for when the service stops. */
  readonly waits: boolean;
}

/** Makes a controller's method answer a call between services. */
export function HandlesInternal(subject: string, { waits = false }: { readonly waits?: boolean } = {}) {
  return <Method extends InternalHandler>(
    _target: object,
    _name: string | symbol,
    method: TypedPropertyDescriptor<Method>,
  ): void => {
    if (method.value)
      Reflect.defineMetadata(INTERNAL_METADATA, { subject, waits } satisfies InternalHandling, method.value);
  };
}
