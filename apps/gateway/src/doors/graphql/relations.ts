/** Replies that show one and the same thing, some in part: one type of the schema, whose missing fields a read of the whole gives. */
export interface MergedType {
  readonly type: string;
  /** Schemas of replies; the first ones give the descriptions. */
  readonly forms: readonly string[];
  /** The action that answers the whole thing for an `id`. */
  readonly by: string;
  /** Fields that are there only in the whole: where one is, what is not has no value. */
  readonly completes: readonly string[];
}

export const MERGED_TYPES: readonly MergedType[] = [
  { type: 'Run', forms: ['Run', 'RunWithSteps'], by: 'run.get', completes: ['steps', 'stepsLeftOut'] },
  {
    type: 'Workflow',
    forms: ['Workflow', 'WorkflowSummary'],
    by: 'workflow.get',
    completes: ['definition', 'schedule'],
  },
  { type: 'Agent', forms: ['Agent', 'AgentWithKeys'], by: 'agent.get', completes: ['keys'] },
  { type: 'Integration', forms: ['Integration'], by: 'integration.get', completes: ['grants', 'operations'] },
];

/** A field that leads from one thing to others, by an action. */
export interface Relation {
  readonly on: string;
  readonly field: string;
  /** A read; one that is a list makes a connection. */
  readonly action: string;
  /** The param of the action, and the field of the thing that it is taken from. */
  readonly param: string;
  readonly from: string;
  /** Params of a list that the field takes as arguments, besides `first` and `after`. */
  readonly takes?: readonly string[];
  readonly description: string;
}

/** How many things a list within another thing holds when `first` is not given. */
export const DEFAULT_RELATED = 10;

const agent = (on: string, field = 'agent', from = 'agentId'): Relation => ({
  on,
  field,
  action: 'agent.get',
  param: 'id',
  from,
  description: 'Needs `agent_manage`.',
});

export const RELATIONS: readonly Relation[] = [
  {
    on: 'Workflow',
    field: 'runs',
    action: 'run.list',
    param: 'workflowId',
    from: 'id',
    takes: ['status', 'trigger'],
    description: 'Its runs, newest first.',
  },
  agent('Workflow'),
  {
    on: 'Run',
    field: 'workflow',
    action: 'workflow.get',
    param: 'id',
    from: 'workflowId',
    description: 'In its newest version.',
  },
  {
    on: 'Run',
    field: 'parentRun',
    action: 'run.get',
    param: 'id',
    from: 'parentRunId',
    description: 'The run whose step started it.',
  },
  {
    on: 'Run',
    field: 'retriedFromRun',
    action: 'run.get',
    param: 'id',
    from: 'retriedFromRunId',
    description: 'The run that it starts again.',
  },
  agent('Run'),
  {
    on: 'Integration',
    field: 'history',
    action: 'integration.health',
    param: 'id',
    from: 'id',
    description: 'How it has been doing.',
  },
  agent('Integration'),
  agent('Document'),
  agent('Subscription'),
  agent('CloudEvent', 'agent', 'agentid'),
  agent('AuditRow'),
  agent('Command', 'from', 'fromAgentId'),
  agent('Command', 'to', 'toAgentId'),
  {
    on: 'Command',
    field: 'run',
    action: 'run.get',
    param: 'id',
    from: 'runId',
    description: 'The run whose step sent it.',
  },
];
