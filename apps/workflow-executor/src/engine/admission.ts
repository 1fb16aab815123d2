export interface AdmissionLimits {
  readonly maxRuns: number;
  readonly maxRunsPerAgent: number;
  readonly maxRunsPerWorkflow: number;
}

interface Held {
  readonly agentId: string;
  readonly workflowId: string;
}

/**
 * Which runs one replica takes into its memory. An agent may hold as many as there are places left, so one agent alone gets
 * half of them, two get a third each, and there is always room for another (the dynamic threshold of Choudhury and Hahne,
 * IEEE/ACM Transactions on Networking 6(2), 1998).
 */
export class Admission {
  private total = 0;
  private readonly byAgent = new Map<string, number>();
  private readonly byWorkflow = new Map<string, number>();

  constructor(private readonly limits: AdmissionLimits) {}

  /** Places that are left. */
  get free(): number {
    return this.limits.maxRuns - this.total;
  }

  /** How many more runs of one agent would be taken now. */
  get share(): number {
    return Math.max(1, Math.floor(this.free / 2));
  }

  admits({ agentId, workflowId }: Held): boolean {
    return this.free > 0 && !this.isFullAgent(agentId) && !this.isFullWorkflow(workflowId);
  }

  take({ agentId, workflowId }: Held): void {
    this.total++;
    add(this.byAgent, agentId, 1);
    add(this.byWorkflow, workflowId, 1);
  }

  giveBack({ agentId, workflowId }: Held): void {
    this.total--;
    add(this.byAgent, agentId, -1);
    add(this.byWorkflow, workflowId, -1);
  }

  /** Agents and workflows of which no more is taken now. */
  full(): string[] {
    return [
      ...[...this.byAgent.keys()].filter((id) => this.isFullAgent(id)),
      ...[...this.byWorkflow.keys()].filter((id) => this.isFullWorkflow(id)),
    ];
  }

  private isFullAgent(id: string): boolean {
    return (this.byAgent.get(id) ?? 0) >= Math.min(this.limits.maxRunsPerAgent, Math.max(1, this.free));
  }

  private isFullWorkflow(id: string): boolean {
    return (this.byWorkflow.get(id) ?? 0) >= this.limits.maxRunsPerWorkflow;
  }
}

function add(counts: Map<string, number>, id: string, change: number): void {
  const count = (counts.get(id) ?? 0) + change;
  if (count === 0) counts.delete(id);
  else counts.set(id, count);
}
