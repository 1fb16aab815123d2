// Made from the contracts of the platform; do not edit.

/** Any JSON value. */
export type Json = string | number | boolean | null | Json[] | JsonObject;

export interface JsonObject {
  [key: string]: Json;
}

/** An agent as the platform knows it. */
export interface Agent {
  id: string;
  name: string;
  type: AgentType;
  status: AgentStatus;
  rateLimitRpm: number;
  description: string | null;
  metadata: JsonObject;
  /** The capabilities it holds. */
  skills: Capability[];
  createdAt: string;
  updatedAt: string;
}

export type AgentStatus = 'active' | 'suspended' | 'archived';

export type AgentType = 'autonomous' | 'tool';

/** An agent with its first key, which is shown this once. */
export interface AgentWithFirstKey {
  id: string;
  name: string;
  type: AgentType;
  status: AgentStatus;
  rateLimitRpm: number;
  description: string | null;
  metadata: JsonObject;
  /** The capabilities it holds. */
  skills: Capability[];
  createdAt: string;
  updatedAt: string;
  key: string;
}

/** An agent with its live keys, never a key itself. */
export interface AgentWithKeys {
  id: string;
  name: string;
  type: AgentType;
  status: AgentStatus;
  rateLimitRpm: number;
  description: string | null;
  metadata: JsonObject;
  /** The capabilities it holds. */
  skills: Capability[];
  createdAt: string;
  updatedAt: string;
  keys: ApiKeySummary[];
}

/** One API key, without the key. */
export interface ApiKeySummary {
  id: string;
  /** The first characters, to tell keys apart. */
  prefix: string;
  createdAt: string;
  expiresAt: string;
  lastUsedAt: string | null;
}

/** A row of the audit log as its readers see it. */
export interface AuditRow {
  /** UUIDv7; recording the same entry twice leaves one row. */
  id: string;
  /** RFC 3339 UTC with milliseconds. */
  at: string;
  /** Null when nobody was recognised. */
  agentId: string | null;
  action: string;
  /** What it was done to, e.g. `workflow` and its id. */
  targetType: string | null;
  targetId: string | null;
  /** `failed`: allowed, but it did not come to a change. */
  decision: 'allowed' | 'refused' | 'failed';
  /** The problem's code where there is one; for a refused key the exact cause. */
  reason: string | null;
  /** The thing before and after, secrets removed. */
  before: Json;
  after: Json;
  ip: string | null;
  userAgent: string | null;
  requestId: string;
  traceId: string | null;
}

export type AuthMethod = 'oauth2' | 'api_key' | 'basic';

export interface CancelRunRequest {
  id: string;
  reason?: string;
}

export type Capability = 'workflow_execute' | 'workflow_manage' | 'workflow_read' | 'integration_execute' | 'integration_manage' | 'integration_read' | 'data_read' | 'data_write' | 'data_query' | 'agent_manage' | 'agent_impersonate' | 'event_publish' | 'event_subscribe' | 'system_admin';

/** An event in the envelope of CloudEvents 1.0 (JSON format), with the extensions `agentid`, `traceparent` and `depth`. */
export interface CloudEvent {
  specversion: '1.0';
  id: string;
  source: string;
  type: string;
  time: string;
  subject?: string;
  datacontenttype: 'application/json';
  data: JsonObject;
  agentid: string;
  traceparent: string;
  /** How many runs, one within or started by an event of the other, have led to it; not there for none. */
  depth?: number;
}

/** Something one agent asked another to do. */
export interface Command {
  id: string;
  fromAgentId: string;
  toAgentId: string;
  command: string;
  payload: JsonObject;
  /** `leased`: a worker of the receiver has it, until `leasedUntil`. */
  status: CommandStatus;
  /** Of a completed one. */
  result: Json;
  /** Of a failed one. */
  error: CommandError | null;
  /** How often it was handed over. */
  deliveries: number;
  leasedUntil: string | null;
  /** Who sent it, and what, signed by the platform: a JSON Web Token (RFC 7519, EdDSA) for the keys of `/.well-known/jwks.json`. */
  proof: string;
  /** The run whose step sent it. */
  runId: string | null;
  createdAt: string;
  expiresAt: string;
  endedAt: string | null;
}

export interface CommandAgentRequest {
  /** An id, a name, or `skill:<capability>`: of the active agents that hold it the one with most of its rate limit left. */
  id: string;
  command: string;
  payload?: JsonObject;
  /** How long it may wait for its answer; default one hour. */
  timeoutSeconds?: number;
  /** Seconds to wait for the result, 0 to 60. Default 0. */
  wait?: number;
}

/** Why the receiver could not do it, in its own words. */
export interface CommandError {
  code: string;
  detail: string;
}

export type CommandStatus = 'pending' | 'leased' | 'completed' | 'failed' | 'expired' | 'cancelled';

export interface ConnectIntegrationRequest {
  id: string;
  apiKey?: string;
  username?: string;
  password?: string;
  /** OAuth2: what to ask consent for. */
  scopes?: string[];
}

/** The connection that the caller calls with; never a credential. */
export interface Connection {
  /** `expiring`: it ends within a week and cannot be refreshed. */
  state: 'connected' | 'expiring' | 'reauth_required' | 'disconnected';
  /** Whose account it is, where the provider says so. */
  account: string | null;
  scopes: string[];
  /** Of the access token; one that can be refreshed is, before this. */
  expiresAt: string | null;
  /** Why it must be made again. */
  problem: string | null;
}

/** The outcome of connecting: for OAuth2 the address where a person consents. */
export interface ConnectionReply {
  authorizationUrl: string | null;
  connection: Connection;
}

export interface CreateAgentRequest {
  name: string;
  type: AgentType;
  description?: string;
  /** Requests in any 60 seconds: 1 to 100 000, default 60. */
  rateLimitRpm?: number;
  /** Capabilities to grant; only those that the caller holds, unless it has `system_admin`. Default none. */
  skills?: Capability[];
}

export interface CreateDocumentRequest {
  collection: string;
  document: JsonObject;
}

export interface CreateIntegrationRequest {
  baseUrl?: string;
  authMethod?: AuthMethod;
  /** OAuth2: authorize, token and revoke URLs, scopes, client id and secret; API key: header or query name and prefix. */
  auth?: JsonObject;
  /** What stands for the variables of a catalogue definition, such as `{"subdomain": "acme"}`. */
  variables?: JsonObject;
  /** Headers that are sent with every call. */
  headers?: JsonObject;
  /** Hosts that the credential may be sent to; default that of the base URL. */
  allowedHosts?: string[];
  /** Method, path, interval and expected status. */
  healthCheck?: JsonObject;
  rateLimitRpm?: number;
  /** `{scheme, secrets, toleranceSeconds}` of inbound webhooks, with options for the scheme `hmac`; the answer holds their URL, never the secrets. The scheme `none` closes the endpoint; secrets that are left out of a change stay. */
  webhook?: JsonObject;
  /** Agents besides the owner that may use it, the whole list: `{agentId, connection}`, where `connection` is `owner` (the default: it calls with the owner's connection and never sees the credential) or `own` (it connects by itself). */
  grants?: JsonObject[];
  /** An OpenAPI document; its operations become callable by operationId. */
  openapi?: JsonObject;
  name: string;
  /** A ready definition of the catalogue, such as `github`, instead of the fields below. */
  from?: string;
}

export interface CreateWorkflowRequest {
  /** Checked as a whole, with every failing path named. Its `name` is the workflow's unless `name` is given. */
  definition: JsonObject;
  /** Unique among the agent's workflows. */
  name?: string;
  description?: string;
  metadata?: JsonObject;
}

export interface DeleteDocumentRequest {
  collection: string;
  id: string;
  /** Refuses when the document has another version; over REST also `If-Match`. */
  ifVersion?: number;
}

export interface DeleteWorkflowRequest {
  id: string;
}

/** One event on its way to one subscription. */
export interface Delivery {
  id: string;
  subscriptionId: string;
  eventId: string;
  /** `dead`: a dead letter, which `event.redeliver` sends again. */
  status: DeliveryStatus;
  /** The newest 20. */
  attempts: DeliveryAttempt[];
  /** Of one that is pending. */
  nextAttemptAt: string | null;
  createdAt: string;
  endedAt: string | null;
}

/** One try to hand an event over. */
export interface DeliveryAttempt {
  /** From 1; a redelivery goes on counting. */
  attempt: number;
  at: string;
  /** What the endpoint answered; null where it did not. */
  status: number | null;
  latencyMs: number;
  /** The code of what went wrong; null where nothing did. */
  error: string | null;
  detail: string | null;
  /** The first KiB of the answer. */
  response: string | null;
}

export type DeliveryStatus = 'pending' | 'delivered' | 'dead';

export interface DisconnectIntegrationRequest {
  id: string;
}

/** A JSON document of a collection. */
export interface Document {
  id: string;
  /** Its name. */
  collection: string;
  /** The owner of the collection. */
  agentId: string;
  /** Grows by one with each change; also the `ETag`. */
  version: number;
  document: JsonObject;
  createdAt: string;
  updatedAt: string;
}

/** The answer to a dry run. */
export interface DryRun {
  dryRun: true;
  workflowId: string;
  workflowVersion: number;
  /** Whether nothing that can be told speaks against the run. */
  valid: boolean;
  steps: PlannedStep[];
  /** Absent where it depends on something that only a real run can tell. */
  output?: Json;
  problem?: RunError;
}

export interface EmitEventRequest {
  type: string;
  data: JsonObject;
  /** What the event is about. */
  subject?: string;
}

/** The accepted event. */
export interface EmittedEvent {
  id: string;
}

export interface EventPage {
  /** To be given as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
  /** Of a list that is read oldest first: where to go on once there is more; of the last page too. */
  resumeCursor?: string;
}

export interface ExecuteIntegrationRequest {
  id: string;
  /** Default GET. */
  method?: string;
  /** Joined to the integration's base URL. */
  path?: string;
  query?: JsonObject;
  headers?: JsonObject;
  body?: Json;
  /** An operation of the imported OpenAPI document, instead of method and path. */
  operationId?: string;
  /** The parameters of the operation. */
  params?: JsonObject;
  /** How long the call may take in all, repetitions included. */
  timeoutSeconds?: number;
}

export interface ExecuteWorkflowRequest {
  id: string;
  /** Checked against the workflow's own JSON Schema. Default `{}`. */
  input?: JsonObject;
  /** Another version than the newest. */
  version?: number;
  /** Seconds to wait for the end of the run, 0 to 60: 200 with the ended run, else 202. Default 0. */
  wait?: number;
  /** Answers 200 with what the run would do, as far as that can be told, and does nothing of it. */
  dryRun?: boolean;
  /** Free to use by the caller; `run.list` filters by it. */
  metadata?: JsonObject;
}

export interface GetAgentByIdRequest {
  id: string;
}

export interface GetDocumentRequest {
  collection: string;
  id: string;
}

export interface GetIntegrationHealthRequest {
  id: string;
}

export interface GetIntegrationRequest {
  id: string;
}

/** No params. */
export type GetMeRequest = Record<string, never>;

export interface GetRunRequest {
  id: string;
  /** Only the step with this path and what is inside of it, such as `each[3]`: for runs of which not all fits an answer. */
  path?: string;
}

export interface GetWorkflowRequest {
  id: string;
  /** An older version's definition instead of the newest. */
  version?: number;
}

export interface GrantWithUsage {
  calls: number;
  /** Calls that were not answered, or with a status from 500 on. */
  failures: number;
  lastUsedAt: string | null;
  agentId: string;
  connection: GrantedConnection;
}

export type GrantedConnection = 'owner' | 'own';

export interface HealthChange {
  at: string;
  from: HealthState;
  to: HealthState;
  reason: string | null;
}

export type HealthState = 'healthy' | 'degraded' | 'down' | 'reauth_required' | 'unknown';

export interface HealthWindow {
  checks: number;
  /** The share of checks that succeeded, 0 to 1; null without a check. */
  uptime: number | null;
  /** Of checks that were answered, within 10 %; null without one. */
  latencyMs: {
    p50: number;
    p95: number;
    p99: number;
  } | null;
  /** Calls of agents. */
  calls: number;
  /** The share of calls without an answer, or with a status from 500 on; null without a call. */
  errorRate: number | null;
}

/** A third-party service that agents may call with a stored credential. */
export interface Integration {
  id: string;
  /** The owner. */
  agentId: string;
  name: string;
  /** The definition of the catalogue that it was made from. */
  provider: string | null;
  baseUrl: string;
  authMethod: AuthMethod;
  /** Without the client secret. */
  auth: JsonObject;
  headers: Record<string, string>;
  allowedHosts: string[];
  healthCheck: JsonObject | null;
  rateLimitRpm: number | null;
  /** Shown to the owner; null where there is none. */
  webhook: IntegrationWebhook | null;
  connection: Connection;
  /** What `integration.health` tells in full; since when is null until something is known. */
  health: {
    state: HealthState;
    since: string | null;
  };
  usage: IntegrationUsage;
  /** Null where another agent owns it; not in lists. */
  grants?: GrantWithUsage[] | null;
  /** Not in lists. */
  operations?: IntegrationOperation[];
  createdAt: string;
  updatedAt: string;
}

/** How an integration has been doing. */
export interface IntegrationHealth {
  state: HealthState;
  since: string;
  /** What brought it into this state, in a sentence. */
  reason: string | null;
  checkedAt: string | null;
  /** Null where it has no health check. */
  nextCheckAt: string | null;
  consecutiveFailures: number;
  windows: {
    '1h': HealthWindow;
    '24h': HealthWindow;
    '30d': HealthWindow;
  };
  /** The newest checks, newest first. */
  recent: RecentCheck[];
  /** The newest changes of the state, newest first. */
  changes: HealthChange[];
  /** Of the owner's connection. `expiring`: it ends within a week and cannot be refreshed. */
  token: {
    expiresAt: string | null;
    refreshable: boolean;
    expiring: boolean;
  };
}

/** An operation of an imported OpenAPI document. */
export interface IntegrationOperation {
  operationId: string;
  method: string;
  path: string;
  summary: string | null;
}

/** What a provider answered. */
export interface IntegrationResponse {
  status: number;
  headers: JsonObject;
  body: Json;
}

/** How much an agent has used an integration. */
export interface IntegrationUsage {
  calls: number;
  /** Calls that were not answered, or with a status from 500 on. */
  failures: number;
  lastUsedAt: string | null;
}

/** Where the provider of an integration sends its webhooks, and how it signs them; the options of `hmac` are beside. Never the secrets. */
export type IntegrationWebhook = {
  url: string;
  scheme: WebhookScheme;
  toleranceSeconds: number;
  [key: string]: Json;
};

export interface IssueSigningSecretRequest {
  id: string;
  /** How long the old secret lives on: 0 to 7 days, default 24 hours. */
  graceSeconds?: number;
  /** Takes the secrets away instead; the agent need not sign any more. */
  revoke?: boolean;
}

/** A new key, shown this once. */
export interface IssuedKey {
  id: string;
  key: string;
  expiresAt: string;
}

/** A new signing secret, shown this once; null after a revocation. */
export interface IssuedSigningSecret {
  secret: string | null;
}

export interface ListAgentsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  status?: AgentStatus;
  /** Only agents that hold it. */
  skill?: Capability;
  /** Words to find in name and description. */
  search?: string;
}

export interface ListDocumentsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  collection: string;
}

export interface ListEventsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  type?: string;
  subject?: string;
  since?: string;
  /** Words to find in the data. */
  search?: string;
  /** Only what this subscription of the caller's asks for, oldest first: how one with the target `pull` is read. */
  subscription?: string;
  /** `desc` (the default): newest first. `asc`: oldest first; `page.resumeCursor` is where to go on once there is more. */
  order?: 'asc' | 'desc';
}

export interface ListIntegrationsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
}

export interface ListMyCommandsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  /** Seconds to wait: for the first command, or with `id` for the end of that one; 0 to 60. Default 0. */
  wait?: number;
  /** How long the caller has what it takes to itself; after that without an answer it is handed over again. Default 60. */
  leaseSeconds?: number;
  /** Instead of taking commands: shows those that were sent by the caller, or to it, newest first. */
  show?: 'sent' | 'received';
  /** Shows this one, sent by the caller or to it. */
  id?: string;
}

export interface ListMySubscriptionsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  /** Only this one. */
  id?: string;
  /** With `id`: shows its deliveries with their attempts too, newest first; `limit` and `cursor` page through them. */
  deliveries?: DeliveryStatus | 'any';
}

export interface ListRunsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  workflowId?: string;
  status?: RunStatus;
  /** Of the runs that the caller sees. */
  agentId?: string;
  trigger?: TriggerType;
  /** At this time or later. */
  createdAfter?: string;
  /** Before this time. */
  createdBefore?: string;
  /** What the metadata of the run must hold; as JSON in a query string. */
  metadata?: JsonObject;
  /** Adds `page.counts`: how many runs there are of each status over the same filters, up to 10 000. */
  counts?: boolean;
}

export interface ListWorkflowsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  /** Words to find in name and description. */
  search?: string;
}

/** The calling agent, with what it may still do now. */
export interface Me {
  id: string;
  name: string;
  type: AgentType;
  status: AgentStatus;
  rateLimitRpm: number;
  description: string | null;
  metadata: JsonObject;
  /** The capabilities it holds. */
  skills: Capability[];
  createdAt: string;
  updatedAt: string;
  /** Requests that it could make at once now; `rateLimitRpm` is what it may make in any 60 seconds. */
  remaining: number;
}

/** A new or changed subscription with its secret, shown this once; null where no new one was made. */
export interface NewSubscription {
  id: string;
  agentId: string;
  types: string[];
  filter: string | null;
  /** `{type: "webhook", url, headers: [names]}` or `{type: "pull"}`; the values of headers are kept like secrets. */
  target: JsonObject;
  /** How long after each failure the next attempt is made. */
  retry: {
    schedule: string[];
  };
  ordered: boolean;
  rateLimitRpm: number | null;
  /** `disabled`: gets no events until `event.subscribe` with its id enables it. */
  status: 'active' | 'disabled';
  /** Why it is disabled. */
  problem: string | null;
  /** Since when nothing could be delivered. */
  failingSince: string | null;
  /** Deliveries that are not at their end, and dead letters. */
  pending: number;
  dead: number;
  createdAt: string;
  updatedAt: string;
  /** Only where they were asked for. */
  deliveries?: Delivery[];
  secret: string | null;
  /** Of the test event that was asked for. */
  testDeliveryId?: string;
}

/** What a list tells of the page that it answers. */
export interface Page {
  /** To be given as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
}

/** What a step of a run would do. */
export interface PlannedStep {
  id: string;
  path: string;
  type: string;
  /** `unresolved`: what it does depends on something that only a real run can tell; give an earlier step a `with.mock`. */
  verdict: 'would-run' | 'would-skip' | 'would-fail' | 'unresolved';
  /** With its expressions resolved, where they can be. */
  input?: Json;
  /** Its output, where it can be told: computed, or from `with.mock`. */
  output?: Json;
  /** Why it would fail. */
  problem?: RunError;
}

/** Who answers the question for its status. */
export type PlatformPart = ServiceName | 'gateway';

/** How the platform is doing. */
export interface PlatformStatus {
  /** `ok`: a ready replica of each service has answered, and none that is not ready. */
  status: 'ok' | 'degraded';
  checkedAt: string;
  services: ServiceStatus[];
}

export interface QueryDocumentsRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before, of the same query. */
  cursor?: string;
  collection: string;
  /** Fields with what they are asked, all of which must hold: `{"points": {"gt": 5}, "address.city": "Paris"}`. Operators are `eq` (also a value by itself), `ne`, `gt`, `gte`, `lt`, `lte`, `in`, `nin`, `contains`, `exists`, `prefix`. The keys `and`, `or` (lists of filters), `not` (a filter) and `text` (words of the whole document) are no fields; a backslash makes one of them a field's name (`\\text`), and a dot a part of it. `$id`, `$version`, `$createdAt`, `$updatedAt` and `$createdBy` are what the platform keeps. docs/data.md tells all of it. */
  filter?: JsonObject;
  /** Fields to answer, by the names that they are given here; default whole documents. */
  select?: string[];
  /** `{field, direction}` each, `asc` or `desc`; what is equal by all of them goes newest first. */
  sort?: JsonObject[];
  /** By the names that the answer has them under: `{"total": {"sum": "amount"}, "n": {"count": true}}`; `count`, `sum`, `avg`, `min`, `max`. */
  aggregate?: JsonObject;
  /** Fields whose values make a group each; without them all documents are one. */
  groupBy?: string[];
}

/** A row that a query answers: a document, what a projection left of it, or an aggregate. */
export type QueryRow = JsonObject;

export interface ReadAuditRequest {
  /** How many at the most: 1 to 200, default 50. */
  limit?: number;
  /** `page.nextCursor` of the page before. */
  cursor?: string;
  agentId?: string;
  action?: string;
  targetId?: string;
  decision?: 'allowed' | 'refused' | 'failed';
  since?: string;
  until?: string;
  requestId?: string;
  search?: string;
}

export type ReadStatusRequest = Record<string, never>;

/** One check, as it is kept for a while. */
export interface RecentCheck {
  at: string;
  outcome: 'ok' | 'failed' | 'reauth_required' | 'not_connected';
  status: number | null;
  latencyMs: number;
  code: string | null;
  detail: string | null;
}

export interface RedeliverRequest {
  /** A delivery, or a subscription: then all of its dead letters are sent again. */
  id: string;
  /** Of a subscription: only dead letters of events from this time on. */
  since?: string;
}

/** What is sent again. */
export interface Redelivery {
  subscriptionId: string;
  /** Null where it was asked for all of a subscription. */
  deliveryId: string | null;
  /** How many deliveries are sent again. */
  count: number;
}

/** How one replica of a service is doing, as it says itself. */
export interface ReplicaStatus {
  service: PlatformPart;
  /** Of this start of this replica. */
  instance: string;
  version: string;
  /** The commit that it was built from; null where that is not known. */
  build: string | null;
  startedAt: string;
  uptimeSeconds: number;
  ready: boolean;
  /** `ok`, or why not. */
  checks: Record<string, string>;
  /** What waits to be handed on; null for a service without tables, or where it cannot be read now. Counted to 10 000. */
  outbox: {
    rows: number;
    oldestSeconds: number;
  } | null;
  /** Depths of queues and lags by name, counted to 10 000; null where one cannot be read now. */
  queues: Record<string, number | null>;
}

export interface RespondRequest {
  id: string;
  /** `working` keeps the command for another `leaseSeconds`; `cancelled` is for who sent it. */
  status: 'completed' | 'failed' | 'working' | 'cancelled';
  /** Of a completed command: any JSON. */
  result?: Json;
  /** Of a failed command: `{code, detail}`. */
  error?: JsonObject;
  /** With `working`. Default 60. */
  leaseSeconds?: number;
}

export interface RetryRunRequest {
  id: string;
  /** The path of the step to start again from; default the one that failed. */
  fromStep?: string;
  /** Default the version of the run. */
  version?: number;
  /** Edited input; default that of the run. */
  input?: JsonObject;
}

export interface RevokeKeyRequest {
  id: string;
  keyId: string;
}

export interface RotateKeyRequest {
  id: string;
  /** How long the old keys live on: 0 to 7 days, default 24 hours. */
  graceSeconds?: number;
  /** Lifetime of the new key; default 365 days. */
  expiresInSeconds?: number;
}

/** One execution of one version of a workflow. */
export interface Run {
  id: string;
  workflowId: string;
  workflowVersion: number;
  agentId: string;
  /** `eventId` of a run that an event has started. */
  trigger: {
    type: TriggerType;
    eventId?: string;
  };
  status: RunStatus;
  input: JsonObject;
  output: Json;
  error: RunError | null;
  /** What a run that stands still waits for, as `{type, stepId}`. */
  waitingFor: JsonObject | null;
  resumesAt: string | null;
  retriedFromRunId: string | null;
  parentRunId: string | null;
  metadata: JsonObject;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
}

/** How many runs there are of each status; 10000 stands for 10 000 and more. */
export interface RunCounts {
  pending: number;
  running: number;
  waiting: number;
  completed: number;
  failed: number;
  cancelled: number;
}

/** Why a run or a step failed: a code of the catalogue and a sentence. */
export interface RunError {
  code: string;
  detail: string;
  /** Of a run: the step that failed it. */
  stepId?: string;
  /** Of a step that waits for an integration that is down, or has failed for it. */
  integrationId?: string;
}

export interface RunPage {
  /** To be given as `cursor` for the next page; null at the end. */
  nextCursor: string | null;
  /** Where they were asked for. */
  counts?: RunCounts;
}

export type RunStatus = 'pending' | 'running' | 'waiting' | 'completed' | 'failed' | 'cancelled';

/** One step of a run, as far as it has come. */
export interface RunStep {
  id: string;
  /** Where it stands in the definition; the id for a step at the top. */
  path: string;
  type: string;
  status: StepStatus;
  /** The attempt that is running or ended it, from 1; 0 before the first. */
  attempt: number;
  input: Json;
  output: Json;
  error: RunError | null;
  startedAt: string | null;
  endedAt: string | null;
  /** Its input and output are left out, as the answer would be too large: `run.get` with this step's `path` shows them. */
  truncated?: true;
}

/** A run with its steps, in the order of the definition. */
export interface RunWithSteps {
  id: string;
  workflowId: string;
  workflowVersion: number;
  agentId: string;
  /** `eventId` of a run that an event has started. */
  trigger: {
    type: TriggerType;
    eventId?: string;
  };
  status: RunStatus;
  input: JsonObject;
  output: Json;
  error: RunError | null;
  /** What a run that stands still waits for, as `{type, stepId}`. */
  waitingFor: JsonObject | null;
  resumesAt: string | null;
  retriedFromRunId: string | null;
  parentRunId: string | null;
  metadata: JsonObject;
  createdAt: string;
  startedAt: string | null;
  endedAt: string | null;
  steps: RunStep[];
  /** There are more steps inside of others than fit the answer: `run.get` with a `path` shows them. */
  stepsLeftOut?: true;
}

export interface ScheduleWorkflowRequest {
  id: string;
  /** Five fields, or a name such as `@hourly`; null clears the schedule. */
  cron: string | null;
  /** IANA name; default UTC. */
  timezone?: string;
  /** What happens when the run before has not ended. Default skip. */
  overlap?: 'skip' | 'allow' | 'queue' | 'cancel';
  /** How far back missed times are made up for, as a duration. Default 10m. */
  catchUp?: string;
  /** Each start is delayed by up to this duration. */
  jitter?: string;
  paused?: boolean;
  /** Of each run that it starts; checked against the workflow's own JSON Schema. Default `{}`. */
  input?: JsonObject;
}

export type ServiceName = 'auth' | 'workflow-executor' | 'integrations' | 'webhook-receiver' | 'health' | 'query-engine';

/** One service with its replicas; `unreachable` where none has answered. */
export interface ServiceStatus {
  service: PlatformPart;
  status: 'ok' | 'degraded' | 'unreachable';
  replicas: ReplicaStatus[];
}

export interface SetSkillsRequest {
  id: string;
  /** All capabilities that the agent is to hold. */
  skills: Capability[];
}

export interface SignalRunRequest {
  id: string;
  /** `approve` and `deny` answer an approval. */
  name: string;
  /** What a waiting step gets as its output; of an approval `{stepId, reason}`. */
  payload?: JsonObject;
}

export type StepStatus = 'pending' | 'running' | 'waiting' | 'completed' | 'failed' | 'skipped' | 'cancelled';

export interface StreamCommandsRequest {
  /** The `id` of the last message that was read, to go on after it; for clients that cannot set the header `Last-Event-ID`. */
  lastEventId?: string;
  /** As of `me.commands`. */
  leaseSeconds?: number;
}

export interface StreamEventsRequest {
  /** The `id` of the last message that was read, to go on after it; for clients that cannot set the header `Last-Event-ID`. */
  lastEventId?: string;
  /** Repeatable, or several with commas between; all types where there is none. */
  type?: string[];
  subject?: string;
  /** CEL over the envelope, such as `data.points > 10`. */
  filter?: string;
  /** Only what this subscription of the caller's asks for. */
  subscription?: string;
  /** Begins at this time; without it, and without `lastEventId`, now. */
  since?: string;
}

export interface StreamRunRequest {
  /** The `id` of the last message that was read, to go on after it; for clients that cannot set the header `Last-Event-ID`. */
  lastEventId?: string;
  id: string;
}

export interface SubscribeRequest {
  /** Of a subscription to change; what is not given stays. Without it a new one is made, which needs `types` and `target`. */
  id?: string;
  types?: string[];
  /** CEL over the envelope, such as `data.points > 10`; an empty text takes it away. */
  filter?: string;
  /** `{type: "webhook", url, headers}` or `{type: "pull"}`. */
  target?: JsonObject;
  /** `{schedule: ["5s", "5m", …]}`: how long after each failure the next attempt is made; after the last one it is a dead letter. */
  retry?: JsonObject;
  /** Keeps the order of events with the same subject: one at a time. */
  ordered?: boolean;
  /** Deliveries in a minute at the most, over all replicas; 0 takes the limit away. */
  rateLimitRpm?: number;
  /** Makes a new secret. Requests are signed with the old one too for `secretGraceSeconds` (default a day, at most a week). */
  rotateSecret?: boolean;
  secretGraceSeconds?: number;
  /** `true` enables one that was disabled, `false` disables it. */
  enabled?: boolean;
  /** Sends an event of the type `subscription.test` to this subscription alone. */
  test?: boolean;
}

/** Who gets which events, where. The secret is shown at creation and at a rotation only. */
export interface Subscription {
  id: string;
  agentId: string;
  types: string[];
  filter: string | null;
  /** `{type: "webhook", url, headers: [names]}` or `{type: "pull"}`; the values of headers are kept like secrets. */
  target: JsonObject;
  /** How long after each failure the next attempt is made. */
  retry: {
    schedule: string[];
  };
  ordered: boolean;
  rateLimitRpm: number | null;
  /** `disabled`: gets no events until `event.subscribe` with its id enables it. */
  status: 'active' | 'disabled';
  /** Why it is disabled. */
  problem: string | null;
  /** Since when nothing could be delivered. */
  failingSince: string | null;
  /** Deliveries that are not at their end, and dead letters. */
  pending: number;
  dead: number;
  createdAt: string;
  updatedAt: string;
  /** Only where they were asked for. */
  deliveries?: Delivery[];
}

export type TriggerType = 'manual' | 'schedule' | 'event' | 'parent' | 'retry';

export interface UnsubscribeRequest {
  id: string;
}

export interface UpdateAgentRequest {
  id: string;
  name?: string;
  /** `suspended` and `archived` are in force on every gateway within a second. */
  status?: AgentStatus;
  rateLimitRpm?: number;
  description?: string;
  metadata?: JsonObject;
}

export interface UpdateDocumentRequest {
  collection: string;
  id: string;
  /** Fields to change; a field set to null is removed (RFC 7396). */
  document: JsonObject;
  /** Refuses when the document has another version; over REST also `If-Match`. */
  ifVersion?: number;
}

export interface UpdateIntegrationRequest {
  baseUrl?: string;
  authMethod?: AuthMethod;
  /** OAuth2: authorize, token and revoke URLs, scopes, client id and secret; API key: header or query name and prefix. */
  auth?: JsonObject;
  /** What stands for the variables of a catalogue definition, such as `{"subdomain": "acme"}`. */
  variables?: JsonObject;
  /** Headers that are sent with every call. */
  headers?: JsonObject;
  /** Hosts that the credential may be sent to; default that of the base URL. */
  allowedHosts?: string[];
  /** Method, path, interval and expected status. */
  healthCheck?: JsonObject;
  rateLimitRpm?: number;
  /** `{scheme, secrets, toleranceSeconds}` of inbound webhooks, with options for the scheme `hmac`; the answer holds their URL, never the secrets. The scheme `none` closes the endpoint; secrets that are left out of a change stay. */
  webhook?: JsonObject;
  /** Agents besides the owner that may use it, the whole list: `{agentId, connection}`, where `connection` is `owner` (the default: it calls with the owner's connection and never sees the credential) or `own` (it connects by itself). */
  grants?: JsonObject[];
  /** An OpenAPI document; its operations become callable by operationId. */
  openapi?: JsonObject;
  id: string;
  name?: string;
}

export interface UpdateWorkflowRequest {
  id: string;
  /** Becomes the next version; runs that have started keep theirs. The same definition again makes none. */
  definition?: JsonObject;
  name?: string;
  description?: string;
  metadata?: JsonObject;
}

export type WebhookScheme = 'github' | 'stripe' | 'slack' | 'shopify' | 'twilio' | 'linear' | 'pagerduty' | 'zendesk' | 'hubspot' | 'zoom' | 'sentry' | 'calendly' | 'standard' | 'hmac';

/** A workflow as its owner sees it. The definition is that of `version`. */
export interface Workflow {
  id: string;
  agentId: string;
  name: string;
  description: string | null;
  /** The newest version, from 1; an update of the definition makes the next. */
  version: number;
  definition: JsonObject;
  schedule: WorkflowSchedule | null;
  metadata: JsonObject;
  createdAt: string;
  updatedAt: string;
}

/** When a workflow runs by itself. */
export interface WorkflowSchedule {
  cron: string;
  timezone: string;
  overlap: 'skip' | 'allow' | 'queue' | 'cancel';
  catchUp: string;
  jitter: string;
  paused: boolean;
  /** Of each run that it starts. */
  input: JsonObject;
  /** Why it does not fire although it is not paused. */
  error: string | null;
  /** The next five; none while it is paused. */
  nextFireTimes: string[];
}

/** What a list shows of a workflow: all but the definition. */
export interface WorkflowSummary {
  id: string;
  agentId: string;
  name: string;
  description: string | null;
  version: number;
  metadata: JsonObject;
  createdAt: string;
  updatedAt: string;
}

/** The stable codes of problems. */
export type ProblemCode =
  | 'request.malformed'
  | 'request.route.not-found'
  | 'request.method.not-allowed'
  | 'request.body.too-large'
  | 'request.body.too-slow'
  | 'request.media-type.unsupported'
  | 'request.headers.too-large'
  | 'request.invalid'
  | 'request.idempotency-key.reused'
  | 'request.idempotency-key.in-progress'
  | 'action.unknown'
  | 'action.answer.too-large'
  | 'action.not-implemented'
  | 'graphql.document.invalid'
  | 'graphql.document.too-complex'
  | 'auth.credentials.invalid'
  | 'auth.signature.missing'
  | 'auth.signature.expired'
  | 'auth.signature.invalid'
  | 'auth.signature.replayed'
  | 'auth.attempts.too-many'
  | 'auth.rate-limit.exceeded'
  | 'auth.capability.missing'
  | 'auth.agent.not-active'
  | 'agent.not-found'
  | 'agent.key.not-found'
  | 'agent.rate-limit.too-high'
  | 'agent.status.not-yours'
  | 'agent.name.taken'
  | 'workflow.not-found'
  | 'workflow.name.taken'
  | 'workflow.version.not-found'
  | 'workflow.definition.invalid'
  | 'workflow.input.invalid'
  | 'schedule.cron.invalid'
  | 'schedule.timezone.unknown'
  | 'run.not-found'
  | 'run.ended'
  | 'run.not-ended'
  | 'run.cancelled'
  | 'run.goto.too-many'
  | 'run.depth.too-deep'
  | 'run.approval.not-waiting'
  | 'run.approval.own'
  | 'run.signals.too-many'
  | 'run.step.not-found'
  | 'run.output.too-large'
  | 'step.expression.failed'
  | 'step.timeout'
  | 'step.http.failed'
  | 'step.http.status'
  | 'step.input.too-large'
  | 'step.output.too-deep'
  | 'step.output.too-large'
  | 'step.input.invalid'
  | 'step.approval.denied'
  | 'step.approval.expired'
  | 'step.child.failed'
  | 'step.items.too-many'
  | 'step.failed'
  | 'step.command.failed'
  | 'command.not-found'
  | 'command.agent.own'
  | 'command.agent.not-active'
  | 'command.answered'
  | 'command.expired'
  | 'command.cancelled'
  | 'egress.url.invalid'
  | 'egress.address.forbidden'
  | 'egress.response.too-large'
  | 'egress.timeout'
  | 'egress.connection.failed'
  | 'egress.connection.lost'
  | 'egress.response.unreadable'
  | 'egress.redirects.too-many'
  | 'integration.not-found'
  | 'integration.name.taken'
  | 'integration.name.ambiguous'
  | 'integration.provider.unknown'
  | 'integration.definition.invalid'
  | 'integration.not-connected'
  | 'integration.reauth-required'
  | 'integration.connection.not-yours'
  | 'integration.credential.refused'
  | 'integration.credential.unreadable'
  | 'integration.host.not-allowed'
  | 'integration.operation.unknown'
  | 'integration.rate-limit.exceeded'
  | 'integration.circuit.open'
  | 'integration.down'
  | 'integration.token.expiring'
  | 'integration.check.failed'
  | 'integration.refresh.pending'
  | 'integration.oauth.failed'
  | 'integration.oauth.state-invalid'
  | 'integration.oauth.denied'
  | 'event.subscription.invalid'
  | 'event.subscription.not-found'
  | 'event.subscription.disabled'
  | 'event.subscriptions.too-many'
  | 'event.delivery.not-found'
  | 'event.delivery.status'
  | 'event.delivery.redirected'
  | 'event.delivery.gone'
  | 'event.delivery.not-allowed'
  | 'event.streams.too-many'
  | 'data.collection.not-found'
  | 'data.collection.ambiguous'
  | 'data.collection.name.taken'
  | 'data.collection.read-only'
  | 'data.collection.full'
  | 'data.collection.invalid'
  | 'data.document.not-found'
  | 'data.document.invalid'
  | 'data.document.version-mismatch'
  | 'data.query.invalid'
  | 'data.query.too-expensive'
  | 'data.query.too-slow'
  | 'webhook.signature.invalid'
  | 'webhook.body.malformed'
  | 'service.unavailable'
  | 'service.timeout'
  | 'service.overloaded'
  | 'internal';

