// Before any request class: their decorators record the types that query values are read as.
import 'reflect-metadata';

export { CAPABILITIES, CAPABILITY_NAMES, type Capability } from './capabilities';
export {
  defineAction,
  subjectOf,
  type ActionDefinition,
  type ActionHttp,
  type ReplyClass,
  type RequestClass,
} from './define-action';
export type { Integer, Json, JsonObject, Time } from './json';
export { DEFAULT_PAGE_SIZE, Page, PageRequest } from './page';
export { ACTIONS, findAction } from './registry';
export { SERVICE_NAMES, serviceOf, SERVICES, type ServiceName } from './services';

export {
  batchSubjectOf,
  MAX_BATCHED_CALLS,
  type BatchedCall,
  type BatchReply,
  type BatchRequest,
} from './internal/batch';
export type {
  EventsStored,
  ReadEventsReply,
  ReadEventsRequest,
  StoredEvent,
  StoreEventsRequest,
} from './internal/event-log';
export {
  WEBHOOK_PATH,
  WEBHOOK_REFUSAL,
  WEBHOOK_SCHEMES,
  type ReceiveWebhookReply,
  type ReceiveWebhookRequest,
  type SetEndpointReply,
  type SetEndpointRequest,
  type WebhookScheme,
} from './internal/inbound-webhooks';
export type {
  CallPeriod,
  CheckIntegrationReply,
  CheckIntegrationRequest,
  IntegrationHealthChanged,
  IntegrationsChanged,
  ListChecksReply,
  ListChecksRequest,
  ReadCallPeriodsReply,
  ReadCallPeriodsRequest,
  SetHealthRequest,
  WatchedIntegration,
} from './internal/integration-health';
export type { PlatformPart, ReplicaStatus } from './internal/status';
export type { WatchRunReply, WatchRunRequest } from './internal/watch-run';
export type { AuditEntry, RecordAuditRequest } from './internal/audit-entry';
export type {
  AgentChanged,
  AgentIdentity,
  GetAgentReply,
  GetAgentRequest,
  VerifyKeyReply,
  VerifyKeyRequest,
  VerifySignatureReply,
  VerifySignatureRequest,
} from './internal/identity';
export {
  PERMIT_LIFETIME_MS,
  type LeasePermitsReply,
  type LeasePermitsRequest,
  type PermitGrant,
  type PermitRequest,
} from './internal/permits';
export { OAUTH_CALLBACK_PATH, type OAuthCallbackReply, type OAuthCallbackRequest } from './internal/oauth-callback';
export {
  AGENT_CHANGED_SUBJECT,
  EVENTS_STORED_SUBJECT,
  COMMANDS_CHANGED_SUBJECT,
  HEALTH_CHANGED_SUBJECT,
  INTEGRATIONS_CHANGED_SUBJECT,
  RUN_POKED_SUBJECT,
  RUN_READY_SUBJECT,
  STATUS_SUBJECT,
  eventSubject,
  INTERNAL_CALLS,
} from './internal/subjects';

export { createWorkflow, CreateWorkflowRequest, WORKFLOW_NAME } from './workflow/create-workflow';
export { WORKFLOW_DEFINITION_SCHEMA, WORKFLOW_SCHEMA_PATH } from './workflow/definition-schema';
export { deleteWorkflow, DeleteWorkflowRequest } from './workflow/delete-workflow';
export { DryRun, executeWorkflow, ExecuteWorkflowRequest, type PlannedStep } from './workflow/execute-workflow';
export { getWorkflow, GetWorkflowRequest } from './workflow/get-workflow';
export { listWorkflows, ListWorkflowsRequest } from './workflow/list-workflows';
export { scheduleWorkflow, ScheduleWorkflowRequest } from './workflow/schedule-workflow';
export { updateWorkflow, UpdateWorkflowRequest } from './workflow/update-workflow';
export { EXAMPLE_DEFINITION, Workflow, WorkflowSchedule, WorkflowSummary } from './workflow/workflow';

export { cancelRun, CancelRunRequest } from './run/cancel-run';
export { getRun, GetRunRequest } from './run/get-run';
export { listRuns, ListRunsRequest, RunPage, type RunCounts } from './run/list-runs';
export { retryRun, RetryRunRequest } from './run/retry-run';
export {
  Run,
  RUN_STATUSES,
  RunStep,
  RunWithSteps,
  STEP_STATUSES,
  type RunError,
  type RunStatus,
  type StepStatus,
  type TriggerType,
} from './run/run';
export { signalRun, SignalRunRequest } from './run/signal-run';
export {
  COMMAND_ENDED_EVENT,
  COMMAND_SENT_EVENT,
  JWKS_PATH,
  PROOF_ISSUER,
  type CommandKeysReply,
  type CommandsChanged,
  type IssueCommandReply,
  type IssueCommandRequest,
  type TakeCommandsReply,
  type TakeCommandsRequest,
} from './internal/commands';
export { RUN_STREAM_PATH, StreamRunRequest } from './run/stream-run';

export { connectIntegration, ConnectIntegrationRequest } from './integration/connect-integration';
export { createIntegration, CreateIntegrationRequest } from './integration/create-integration';
export { disconnectIntegration, DisconnectIntegrationRequest } from './integration/disconnect-integration';
export {
  DEFAULT_CALL_SECONDS,
  executeIntegration,
  ExecuteIntegrationRequest,
  MAX_CALL_SECONDS,
} from './integration/execute-integration';
export { getIntegration, GetIntegrationRequest } from './integration/get-integration';
export { getIntegrationHealth, GetIntegrationHealthRequest } from './integration/get-integration-health';
export {
  AUTH_METHODS,
  ConnectionReply,
  GRANTED_CONNECTIONS,
  Integration,
  IntegrationResponse,
  type AuthMethod,
  type Connection,
  type GrantedConnection,
  type GrantWithUsage,
  type IntegrationOperation,
  type IntegrationUsage,
  type IntegrationWebhook,
} from './integration/integration';
export {
  HEALTH_STATES,
  HEALTH_WINDOWS,
  IntegrationHealth,
  type HealthChange,
  type HealthState,
  type HealthWindow,
  type HealthWindowName,
  type RecentCheck,
} from './integration/health';
export { listIntegrations, ListIntegrationsRequest } from './integration/list-integrations';
export { updateIntegration, UpdateIntegrationRequest } from './integration/update-integration';

export { createDocument, CreateDocumentRequest } from './data/create-document';
export { deleteDocument, DeleteDocumentRequest } from './data/delete-document';
export { COLLECTION_MESSAGE, COLLECTION_NAME, DEFINITIONS, Document, QueryRow } from './data/document';
export { getDocument, GetDocumentRequest } from './data/get-document';
export { listDocuments, ListDocumentsRequest } from './data/list-documents';
export { queryDocuments, QueryDocumentsRequest } from './data/query-documents';
export { updateDocument, UpdateDocumentRequest } from './data/update-document';

export {
  Agent,
  AGENT_STATUSES,
  AGENT_TYPES,
  AgentWithFirstKey,
  AgentWithKeys,
  IssuedKey,
  IssuedSigningSecret,
  Me,
  type AgentStatus,
  type AgentType,
  type ApiKeySummary,
} from './agent/agent';
export {
  Command,
  COMMAND_NAME,
  COMMAND_NAME_MESSAGE,
  COMMAND_STATUSES,
  DEFAULT_COMMAND_SECONDS,
  DEFAULT_LEASE_SECONDS,
  MAX_COMMAND_SECONDS,
  type CommandError,
  type CommandStatus,
} from './agent/command';
export { commandAgent, CommandAgentRequest } from './agent/command-agent';
export { AGENT_NAME, createAgent, CreateAgentRequest } from './agent/create-agent';
export { getAgent, GetAgentByIdRequest } from './agent/get-agent';
export { issueSigningSecret, IssueSigningSecretRequest } from './agent/issue-signing-secret';
export { listAgents, ListAgentsRequest } from './agent/list-agents';
export { revokeKey, RevokeKeyRequest } from './agent/revoke-key';
export { rotateKey, RotateKeyRequest } from './agent/rotate-key';
export { setSkills, SetSkillsRequest } from './agent/set-skills';
export { updateAgent, UpdateAgentRequest } from './agent/update-agent';

export { ASYNCAPI_DOCUMENT, ASYNCAPI_PATH } from './event/asyncapi';
export { BUILT_IN_EVENTS, type BuiltInEvent } from './event/built-in-events';
export { Delivery, DELIVERY_STATUSES, type DeliveryAttempt, type DeliveryStatus } from './event/delivery';
export { emitEvent, EmitEventRequest } from './event/emit-event';
export { CloudEvent, EmittedEvent, EVENT_TYPE, EVENT_TYPE_PATTERN, RESERVED_EVENT_PREFIXES } from './event/event';
export { EventPage, listEvents, ListEventsRequest } from './event/list-events';
export { EVENTS_STREAM_PATH, StreamEventsRequest } from './event/stream-events';
export { redeliver, Redelivery, RedeliverRequest } from './event/redeliver';
export { subscribe, SubscribeRequest } from './event/subscribe';
export { NewSubscription, Subscription } from './event/subscription';
export { unsubscribe, UnsubscribeRequest } from './event/unsubscribe';

export { AuditRow } from './system/audit-row';
export { readAudit, ReadAuditRequest } from './system/read-audit';
export { PlatformStatus, readStatus, ReadStatusRequest, type ServiceStatus } from './system/read-status';

export { getMe, GetMeRequest } from './me/get-me';
export { listMyCommands, ListMyCommandsRequest } from './me/list-my-commands';
export { listMySubscriptions, ListMySubscriptionsRequest } from './me/list-my-subscriptions';
export { respond, RespondRequest } from './me/respond';
export { COMMANDS_STREAM_PATH, StreamCommandsRequest } from './me/stream-commands';
