import type { Integer, JsonObject, Time } from '../json';

/** When a workflow runs by itself. */
export class WorkflowSchedule {
  readonly cron!: string;
  readonly timezone!: string;
  readonly overlap!: 'skip' | 'allow' | 'queue' | 'cancel';
  readonly catchUp!: string;
  readonly jitter!: string;
  readonly paused!: boolean;
  /** Of each run that it starts. */
  readonly input!: JsonObject;
  /** Why it does not fire although it is not paused. */
  readonly error!: string | null;
  /** The next five; none while it is paused. */
  readonly nextFireTimes!: readonly Time[];
}

/** A workflow as its owner sees it. The definition is that of `version`. */
export class Workflow {
  readonly id!: string;
  readonly agentId!: string;
  readonly name!: string;
  readonly description!: string | null;
  /** The newest version, from 1; an update of the definition makes the next. */
  readonly version!: Integer;
  readonly definition!: JsonObject;
  readonly schedule!: WorkflowSchedule | null;
  readonly metadata!: JsonObject;
  readonly createdAt!: Time;
  readonly updatedAt!: Time;
}

/** What a list shows of a workflow: all but the definition. */
export class WorkflowSummary {
  readonly id!: string;
  readonly agentId!: string;
  readonly name!: string;
  readonly description!: string | null;
  readonly version!: Integer;
  readonly metadata!: JsonObject;
  readonly createdAt!: Time;
  readonly updatedAt!: Time;
}

/** The example of SPEC section 6; the documents and the first test run use it. */
export const EXAMPLE_DEFINITION: JsonObject = {
  name: 'enrich-lead',
  input: { type: 'object', required: ['leadId'], properties: { leadId: { type: 'string' } } },
  steps: [
    {
      id: 'lead',
      type: 'http',
      with: { method: 'GET', url: 'https://crm.example.com/leads/${{ input.leadId }}' },
      timeout: '10s',
      retry: { maxAttempts: 5, initialInterval: '500ms', backoffCoefficient: 2, maxInterval: '30s' },
    },
    {
      id: 'score',
      type: 'transform',
      with: { value: { points: '${{ steps.lead.output.body.visits * 2 }}' } },
    },
    {
      id: 'tell',
      type: 'event',
      if: '${{ steps.score.output.points > 10 }}',
      with: { type: 'lead.scored', data: { lead: '${{ input.leadId }}' } },
    },
  ],
  output: '${{ steps.score.output }}',
};
