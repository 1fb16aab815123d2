// Made from the contracts of the platform; do not edit.

import type { Paged } from '../paged';
import type { CallOptions } from '../sender';
import type {
  Agent,
  AgentWithFirstKey,
  AgentWithKeys,
  AuditRow,
  CancelRunRequest,
  CloudEvent,
  Command,
  CommandAgentRequest,
  ConnectIntegrationRequest,
  ConnectionReply,
  CreateAgentRequest,
  CreateDocumentRequest,
  CreateIntegrationRequest,
  CreateWorkflowRequest,
  DeleteDocumentRequest,
  DeleteWorkflowRequest,
  DisconnectIntegrationRequest,
  Document,
  DryRun,
  EmitEventRequest,
  EmittedEvent,
  EventPage,
  ExecuteIntegrationRequest,
  ExecuteWorkflowRequest,
  GetAgentByIdRequest,
  GetDocumentRequest,
  GetIntegrationHealthRequest,
  GetIntegrationRequest,
  GetMeRequest,
  GetRunRequest,
  GetWorkflowRequest,
  Integration,
  IntegrationHealth,
  IntegrationResponse,
  IssueSigningSecretRequest,
  IssuedKey,
  IssuedSigningSecret,
  ListAgentsRequest,
  ListDocumentsRequest,
  ListEventsRequest,
  ListIntegrationsRequest,
  ListMyCommandsRequest,
  ListMySubscriptionsRequest,
  ListRunsRequest,
  ListWorkflowsRequest,
  Me,
  NewSubscription,
  Page,
  PlatformStatus,
  QueryDocumentsRequest,
  QueryRow,
  ReadAuditRequest,
  ReadStatusRequest,
  RedeliverRequest,
  Redelivery,
  RespondRequest,
  RetryRunRequest,
  RevokeKeyRequest,
  RotateKeyRequest,
  Run,
  RunPage,
  RunWithSteps,
  ScheduleWorkflowRequest,
  SetSkillsRequest,
  SignalRunRequest,
  SubscribeRequest,
  Subscription,
  UnsubscribeRequest,
  UpdateAgentRequest,
  UpdateDocumentRequest,
  UpdateIntegrationRequest,
  UpdateWorkflowRequest,
  Workflow,
  WorkflowSummary,
} from './types';

export interface WorkflowActions {
  /** The agent's workflows, newest first. Needs `workflow_read`. */
  list(params?: ListWorkflowsRequest, options?: CallOptions): Paged<WorkflowSummary, Page>;
  /** One workflow with its definition. Needs `workflow_read`. */
  get(params: GetWorkflowRequest, options?: CallOptions): Promise<Workflow>;
  /** Stores a workflow with its first version. Needs `workflow_manage`. */
  create(params: CreateWorkflowRequest, options?: CallOptions): Promise<Workflow>;
  /** Changes a workflow. A new definition is a new version; runs that have started keep theirs. Needs `workflow_manage`. */
  update(params: UpdateWorkflowRequest, options?: CallOptions): Promise<Workflow>;
  /** Takes a workflow away. Its runs stay readable, and those under way go on to their end. Needs `workflow_manage`. */
  delete(params: DeleteWorkflowRequest, options?: CallOptions): Promise<void>;
  /** Sets, changes or clears the schedule of a workflow. Needs `workflow_manage`. */
  schedule(params: ScheduleWorkflowRequest, options?: CallOptions): Promise<Workflow>;
  /** Starts one run. Answers 202 once the run is stored, or with `wait` 200 once it has ended. With `dryRun` it answers what the run would do. Needs `workflow_execute`. */
  execute(params: ExecuteWorkflowRequest & { dryRun: true }, options?: CallOptions): Promise<DryRun>;
  /** Starts one run. Answers 202 once the run is stored, or with `wait` 200 once it has ended. With `dryRun` it answers what the run would do. Needs `workflow_execute`. */
  execute(params: ExecuteWorkflowRequest, options?: CallOptions): Promise<Run | RunWithSteps>;
}

export interface RunActions {
  /** The agent's runs, newest first, by workflow, status, agent, trigger, time or metadata, with counts if asked. Needs `workflow_read`. */
  list(params?: ListRunsRequest, options?: CallOptions): Paged<Run, RunPage>;
  /** One run with its steps. Needs `workflow_read`. */
  get(params: GetRunRequest, options?: CallOptions): Promise<RunWithSteps>;
  /** Cancels a run; its running steps are told to stop. Needs `workflow_execute`. */
  cancel(params: CancelRunRequest, options?: CallOptions): Promise<Run>;
  /** Starts a new run from a step of an ended one, with the results before it. Needs `workflow_execute`. */
  retry(params: RetryRunRequest, options?: CallOptions): Promise<Run>;
  /** Sends a signal to a run, or answers its approval. Needs `workflow_execute`. */
  signal(params: SignalRunRequest, options?: CallOptions): Promise<Run>;
}

export interface IntegrationActions {
  /** The integrations that the agent may see. Needs `integration_read`. */
  list(params?: ListIntegrationsRequest, options?: CallOptions): Paged<Integration, Page>;
  /** One integration with the caller's connection. Needs `integration_read`. */
  get(params: GetIntegrationRequest, options?: CallOptions): Promise<Integration>;
  /** How an integration has been doing: its state, checks, calls and history. Needs `integration_read`. */
  health(params: GetIntegrationHealthRequest, options?: CallOptions): Promise<IntegrationHealth>;
  /** Calls an integration with the stored credential, which the caller never sees. Needs `integration_execute`. */
  execute(params: ExecuteIntegrationRequest, options?: CallOptions): Promise<IntegrationResponse>;
  /** Defines an integration, from the catalogue or from its own fields. Needs `integration_manage`. */
  create(params: CreateIntegrationRequest, options?: CallOptions): Promise<Integration>;
  /** Changes the definition of an integration. Needs `integration_manage`. */
  update(params: UpdateIntegrationRequest, options?: CallOptions): Promise<Integration>;
  /** Stores the caller's credential, or answers the address where a person consents. Needs `integration_manage`. */
  connect(params: ConnectIntegrationRequest, options?: CallOptions): Promise<ConnectionReply>;
  /** Revokes and deletes the caller's credential. Needs `integration_manage`. */
  disconnect(params: DisconnectIntegrationRequest, options?: CallOptions): Promise<void>;
}

export interface DataActions {
  /** One document. Needs `data_read`. */
  get(params: GetDocumentRequest, options?: CallOptions): Promise<Document>;
  /** The documents of a collection, newest first. Needs `data_read`. */
  list(params: ListDocumentsRequest, options?: CallOptions): Paged<Document, Page>;
  /** Stores a document; the first makes the collection. Needs `data_write`. */
  create(params: CreateDocumentRequest, options?: CallOptions): Promise<Document>;
  /** Changes fields of a document. Needs `data_write`. */
  update(params: UpdateDocumentRequest, options?: CallOptions): Promise<Document>;
  /** Removes a document. Needs `data_write`. */
  delete(params: DeleteDocumentRequest, options?: CallOptions): Promise<void>;
  /** Finds documents by a filter, or aggregates them. Needs `data_query`. */
  query(params: QueryDocumentsRequest, options?: CallOptions): Paged<QueryRow, Page>;
}

export interface AgentActions {
  /** The agents, newest first. Needs `agent_manage`. */
  list(params?: ListAgentsRequest, options?: CallOptions): Paged<Agent, Page>;
  /** One agent with its live keys, never a key itself. Needs `agent_manage`. */
  get(params: GetAgentByIdRequest, options?: CallOptions): Promise<AgentWithKeys>;
  /** Registers an agent and makes its first key, which is shown this once. Needs `agent_manage`. */
  create(params: CreateAgentRequest, options?: CallOptions): Promise<AgentWithFirstKey>;
  /** Changes an agent; also suspends, archives and activates it. Needs `agent_manage`. */
  update(params: UpdateAgentRequest, options?: CallOptions): Promise<Agent>;
  /** Issues a new key, shown this once; the old ones live on for a grace period. Needs `agent_manage`. */
  rotateKey(params: RotateKeyRequest, options?: CallOptions): Promise<IssuedKey>;
  /** Revokes a key; in force on every gateway within a second. Needs `agent_manage`. */
  revokeKey(params: RevokeKeyRequest, options?: CallOptions): Promise<void>;
  /** Issues a signing secret, shown this once; from then on the agent must sign what changes something. Needs `agent_manage`. */
  signingSecret(params: IssueSigningSecretRequest, options?: CallOptions): Promise<IssuedSigningSecret>;
  /** Sets the capabilities that an agent holds. Needs `agent_manage`. */
  setSkills(params: SetSkillsRequest, options?: CallOptions): Promise<Agent>;
  /** Sends a command to another agent. Needs `agent_impersonate`. */
  command(params: CommandAgentRequest, options?: CallOptions): Promise<Command>;
}

export interface EventActions {
  /** Emits an event of a type of the agent's own. Needs `event_publish`. */
  emit(params: EmitEventRequest, options?: CallOptions): Promise<EmittedEvent>;
  /** Sends a delivery, or all dead letters of a subscription, again. Needs `event_publish`. */
  redeliver(params: RedeliverRequest, options?: CallOptions): Promise<Redelivery>;
  /** The events that the agent may see, newest first. Needs `event_subscribe`. */
  list(params?: ListEventsRequest, options?: CallOptions): Paged<CloudEvent, EventPage>;
  /** Subscribes to events, or changes a subscription; the secret is shown this once. Needs `event_subscribe`. */
  subscribe(params?: SubscribeRequest, options?: CallOptions): Promise<NewSubscription>;
  /** Ends a subscription. Needs `event_subscribe`. */
  unsubscribe(params: UnsubscribeRequest, options?: CallOptions): Promise<void>;
}

export interface SystemActions {
  /** The audit log, newest first. Needs `system_admin`. */
  audit(params?: ReadAuditRequest, options?: CallOptions): Paged<AuditRow, Page>;
  /** How each service is doing: build, readiness, queues and what waits to be handed on. Needs `system_admin`. */
  status(params?: ReadStatusRequest, options?: CallOptions): Promise<PlatformStatus>;
}

export interface MeActions {
  /** The calling agent: identity, skills, limits and what is left of them. */
  get(params?: GetMeRequest, options?: CallOptions): Promise<Me>;
  /** Takes the calling agent's pending commands, or shows its commands. */
  commands(params?: ListMyCommandsRequest, options?: CallOptions): Paged<Command, Page>;
  /** Answers a command, once; or keeps it for longer, or, by who sent it, cancels it. */
  respond(params: RespondRequest, options?: CallOptions): Promise<Command>;
  /** The subscriptions of the calling agent, and the deliveries of one. */
  subscriptions(params?: ListMySubscriptionsRequest, options?: CallOptions): Paged<Subscription, Page>;
}

/** Every action, by domain and verb. */
export interface Domains {
  readonly workflow: WorkflowActions;
  readonly run: RunActions;
  readonly integration: IntegrationActions;
  readonly data: DataActions;
  readonly agent: AgentActions;
  readonly event: EventActions;
  readonly system: SystemActions;
  readonly me: MeActions;
}

export interface Operation {
  readonly method: string;
  readonly path: string;
  /** Fields that travel in the query string although there is a body. */
  readonly query: readonly string[];
  /** Whether it changes something, and so takes an idempotency key and a signature. */
  readonly changes: boolean;
  readonly list: boolean;
  /** The param that says for how many seconds it may take, and what it is without. */
  readonly waits: { readonly param: string; readonly defaultSeconds: number };
}

/** How each action travels. */
export const OPERATIONS: Readonly<Record<string, Operation>> = {
  'workflow.list': { method: 'GET', path: '/v1/workflows', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'workflow.get': { method: 'GET', path: '/v1/workflows/{id}', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'workflow.create': { method: 'POST', path: '/v1/workflows', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'workflow.update': { method: 'PATCH', path: '/v1/workflows/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'workflow.delete': { method: 'DELETE', path: '/v1/workflows/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'workflow.schedule': { method: 'PUT', path: '/v1/workflows/{id}/schedule', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'workflow.execute': { method: 'POST', path: '/v1/workflows/{id}/runs', query: ["wait"], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'run.list': { method: 'GET', path: '/v1/runs', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'run.get': { method: 'GET', path: '/v1/runs/{id}', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'run.cancel': { method: 'POST', path: '/v1/runs/{id}/cancel', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'run.retry': { method: 'POST', path: '/v1/runs/{id}/retry', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'run.signal': { method: 'POST', path: '/v1/runs/{id}/signals/{name}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.list': { method: 'GET', path: '/v1/integrations', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.get': { method: 'GET', path: '/v1/integrations/{id}', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.health': { method: 'GET', path: '/v1/integrations/{id}/health', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.execute': { method: 'POST', path: '/v1/integrations/{id}/execute', query: [], changes: true, list: false, waits: { param: 'timeoutSeconds', defaultSeconds: 25 } },
  'integration.create': { method: 'POST', path: '/v1/integrations', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.update': { method: 'PATCH', path: '/v1/integrations/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.connect': { method: 'POST', path: '/v1/integrations/{id}/connection', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'integration.disconnect': { method: 'DELETE', path: '/v1/integrations/{id}/connection', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'data.get': { method: 'GET', path: '/v1/data/{collection}/{id}', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'data.list': { method: 'GET', path: '/v1/data/{collection}', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'data.create': { method: 'POST', path: '/v1/data/{collection}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'data.update': { method: 'PATCH', path: '/v1/data/{collection}/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'data.delete': { method: 'DELETE', path: '/v1/data/{collection}/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'data.query': { method: 'POST', path: '/v1/data/{collection}/query', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.list': { method: 'GET', path: '/v1/agents', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.get': { method: 'GET', path: '/v1/agents/{id}', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.create': { method: 'POST', path: '/v1/agents', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.update': { method: 'PATCH', path: '/v1/agents/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.rotate_key': { method: 'POST', path: '/v1/agents/{id}/keys', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.revoke_key': { method: 'DELETE', path: '/v1/agents/{id}/keys/{keyId}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.signing_secret': { method: 'POST', path: '/v1/agents/{id}/signing-secret', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.set_skills': { method: 'PUT', path: '/v1/agents/{id}/skills', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'agent.command': { method: 'POST', path: '/v1/agents/{id}/commands', query: ["wait"], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'event.emit': { method: 'POST', path: '/v1/events', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'event.redeliver': { method: 'POST', path: '/v1/deliveries/{id}/redeliver', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'event.list': { method: 'GET', path: '/v1/events', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'event.subscribe': { method: 'POST', path: '/v1/subscriptions', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'event.unsubscribe': { method: 'DELETE', path: '/v1/subscriptions/{id}', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'system.audit': { method: 'GET', path: '/v1/audit', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'system.status': { method: 'GET', path: '/v1/status', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'me.get': { method: 'GET', path: '/v1/me', query: [], changes: false, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'me.commands': { method: 'GET', path: '/v1/me/commands', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
  'me.respond': { method: 'POST', path: '/v1/me/commands/{id}/result', query: [], changes: true, list: false, waits: { param: 'wait', defaultSeconds: 0 } },
  'me.subscriptions': { method: 'GET', path: '/v1/me/subscriptions', query: [], changes: false, list: true, waits: { param: 'wait', defaultSeconds: 0 } },
};

