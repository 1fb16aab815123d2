export { ActionServer } from './action-server';
export { Call } from './action-call';
export { AgentDirectory, checkCapability } from './agent-directory';
export { Bus, BusUnusable, header, type BusOptions } from './bus';
export { CONTEXT_HEADER, encodeContext, rowContextOf, traceIdOf, type AgentContext, type CallContext } from './call';
export { idOfCursor } from './cursor';
export { EVENTS_STREAM } from './events-stream';
export { HandlesAction, HandlesInternal } from './handles';
export { isTooDeep, MAX_JSON_DEPTH } from './json-depth';
export { messagingTablesV1 } from './messaging-tables.sql';
export { NATS_USERS, natsAccountsConfig, permissionsOf, type NatsUser } from './nats-permissions';
export { OutboxRelay } from './outbox-relay';
export { readParams } from './read-params';
export { KeysUnderWay, type KeyOfRequest } from './keys-under-way';
export { accepted, created, ETAG_HEADER, noContent, ok, page, STATUS_HEADER, type Reply } from './reply';
export {
  auditEntryOf,
  firstAnswer,
  insertOutbox,
  toCloudEvent,
  UnitOfWork,
  type AnswerSealer,
  type KeyClaim,
  type NewEvent,
  type OutboxMessage,
  type WriteTx,
} from './unit-of-work';
