import type { DryRun } from '@agent-platform/contracts';
import { Injectable } from '@nestjs/common';
import { AgentDirectory } from '@agent-platform/messaging';
import { ChildRuns } from '../engine/child-runs';
import type { NewRun } from '../engine/run-records';
import { toRunError } from '../engine/step-failure';
import { HttpStep } from '../steps/http-step';
import type { CompiledDefinition } from '../workflows/definition';
import { DefinitionStore } from '../workflows/definition-store';
import { DryBlock, type DryParts } from './dry-block';

/** Says what a run would do, and does nothing of it: no row is written, no connection opened. */
@Injectable()
export class DryRunService {
  constructor(
    private readonly agents: AgentDirectory,
    private readonly children: ChildRuns,
    private readonly definitions: DefinitionStore,
    private readonly http: HttpStep,
  ) {}

  async plan(run: NewRun, definition: CompiledDefinition): Promise<DryRun> {
    const { agentId, workflowId, workflowVersion, input, createdAt } = run;
    const { children, definitions, http } = this;
    const parts: DryParts = { agent: await this.agents.find(agentId), children, definitions, http, planned: [] };
    const id = '00000000-0000-7000-8000-000000000000';
    const scope = { input, run: { id, agentId, workflowId, workflowVersion, createdAt }, steps: {} };
    const block = new DryBlock(parts, definition, '', scope, new Set());
    await block.run();
    const { output } = definition;
    const answer = { dryRun: true as const, workflowId, workflowVersion, steps: parts.planned };
    const valid = !block.fails;
    if (!valid || (output && block.isUnresolved(output))) return { ...answer, valid };
    try {
      return { ...answer, valid, output: output ? output.evaluate(block.scope) : null };
    } catch (error) {
      return { ...answer, valid: false, problem: toRunError(error) };
    }
  }
}
