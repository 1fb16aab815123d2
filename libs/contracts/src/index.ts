export { CAPABILITIES, CAPABILITY_NAMES, type Capability } from './capabilities';
export { subjectOf, type ActionDefinition } from './define-action';
export type { Json, JsonObject } from './json';
export { DEFAULT_PAGE_SIZE } from './page';
export { ACTIONS, findAction } from './registry';
export { SERVICE_NAMES, SERVICES, serviceOf, type ServiceName } from './services';

export type { AuditEntry, RecordAuditRequest } from './internal/audit-entry';
export type {
  AgentChanged,
  AgentIdentity,
  GetAgentReply,
  GetAgentRequest,
  VerifyKeyReply,
  VerifyKeyRequest,
} from './internal/identity';
export { AGENT_CHANGED_SUBJECT, eventSubject, INTERNAL_CALLS } from './internal/subjects';

export type { Agent, AgentStatus, AgentType } from './agent/agent';
export { getMe, type GetMeRequest } from './me/get-me';

export { EVENT_TYPE, RESERVED_EVENT_PREFIXES, type CloudEvent } from './event/event';

export { createWorkflow, WORKFLOW_NAME, type CreateWorkflowRequest } from './workflow/create-workflow';
export { deleteWorkflow, type DeleteWorkflowRequest } from './workflow/delete-workflow';
export { executeWorkflow, type ExecuteWorkflowRequest } from './workflow/execute-workflow';
export { getWorkflow, type GetWorkflowRequest } from './workflow/get-workflow';
export { listWorkflows, type ListWorkflowsRequest } from './workflow/list-workflows';
export { updateWorkflow, type UpdateWorkflowRequest } from './workflow/update-workflow';
export { EXAMPLE_DEFINITION, type Workflow, type WorkflowSummary } from './workflow/workflow';

export { getRun, type GetRunRequest } from './run/get-run';
export { listRuns, type ListRunsRequest } from './run/list-runs';
export type { Run, RunError, RunStatus, RunStep, RunWithSteps, StepStatus, TriggerType } from './run/run';
