import type { AgentIdentity, Json, JsonObject, PlannedStep } from '@agent-platform/contracts';
import { AppError } from '@agent-platform/errors';
import { evaluateCondition, type Template } from '@agent-platform/expressions';
import { isUuid } from '@agent-platform/shared-security';
import { checkCapability } from '@agent-platform/messaging';
import type { ChildRuns } from '../engine/child-runs';
import { StepFailure, toRunError } from '../engine/step-failure';
import { readCommand } from '../steps/agent-step';
import { readEvent } from '../steps/event-step';
import type { HttpStep } from '../steps/http-step';
import type { CompiledBlock, CompiledStep, RunScope } from '../workflows/definition';
import { LIMITS } from '../workflows/definition-limits';
import type { DefinitionStore } from '../workflows/definition-store';
import { checkInput } from '../workflows/input-schema';
import { capabilityOf } from '../workflows/step-fields';

/** Items of a loop that are gone through one by one. */
const MAX_ITEMS = 100;

export interface DryParts {
  /** The agent that the run would belong to, as it is now. */
  readonly agent: AgentIdentity;
  readonly children: ChildRuns;
  readonly definitions: DefinitionStore;
  readonly http: HttpStep;
  /** What was found out of each step, in the order in which they would run. */
  readonly planned: PlannedStep[];
}

/** What is known of a step's output: its value, or that only a real run can tell it. */
type Outcome = { readonly output: Json } | 'unresolved';

/** Goes through a block without an effect. */
export class DryBlock {
  readonly scope: RunScope;
  /** A step would fail, and nothing in the block makes that good. */
  fails = false;
  private readonly steps: Record<string, JsonObject>;
  private readonly skipped = new Set<string>();
  private readonly unresolved: Set<string>;
  private last: Outcome = { output: null };

  constructor(
    private readonly parts: DryParts,
    private readonly block: CompiledBlock,
    private readonly prefix: string,
    scope: RunScope,
    unresolved: ReadonlySet<string>,
  ) {
    this.steps = { ...(scope.steps as Record<string, JsonObject>) };
    this.scope = { ...scope, steps: this.steps };
    this.unresolved = new Set(unresolved);
  }

  async run(): Promise<void> {
    const open = new Map(this.block.steps.map((step) => [step.id, step]));
    for (;;) {
      const next = [...open.values()].find(({ needs }) => needs.every((id) => !open.has(id)));
      if (!next) return;
      open.delete(next.id);
      await this.plan(next);
    }
  }

  /** Whether it reads what only a real run can tell. */
  isUnresolved({ stepRefs, hasComputedStepRefs }: Template): boolean {
    return [...stepRefs].some((id) => this.unresolved.has(id)) || (hasComputedStepRefs && this.unresolved.size > 0);
  }

  private async plan(step: CompiledStep): Promise<void> {
    const { id, type, needs, condition, mock, onError } = step;
    const path = this.prefix + id;
    const found: { -readonly [field in keyof PlannedStep]: PlannedStep[field] } = {
      id,
      path,
      type,
      verdict: 'would-run',
    };
    this.parts.planned.push(found);
    try {
      const isExcluded = needs.length > 0 && needs.every((need) => this.skipped.has(need));
      if (isExcluded || (condition && !this.isUnresolved(condition) && !evaluateCondition(condition, this.scope))) {
        found.verdict = 'would-skip';
        this.skipped.add(id);
        this.settle(step, { output: null }, 'skipped');
        return;
      }
      if (step.capability) checkCapability(this.parts.agent, step.capability);
      const unsure = (condition !== undefined && this.isUnresolved(condition)) || this.isUnresolved(step.with);
      const input = this.isUnresolved(step.with) ? undefined : (step.with.evaluate(this.scope) as JsonObject);
      if (input && type !== 'transform' && type !== 'foreach' && type !== 'parallel') found.input = input;
      let outcome: Outcome = input ? await this.outcomeOf(step, path, input) : 'unresolved';
      if (mock && !this.isUnresolved(mock)) outcome = { output: mock.evaluate(this.scope) };
      if (unsure) found.verdict = 'unresolved';
      if (outcome !== 'unresolved') found.output = outcome.output;
      this.settle(step, outcome, 'completed');
    } catch (error) {
      if (!(error instanceof InnerFailure)) found.problem = { ...toRunError(error), stepId: path };
      found.verdict = 'would-fail';
      if (onError === 'continue') {
        const { code, detail } = toRunError(error);
        this.steps[id] = { status: 'failed', output: null, error: { code, detail } };
        this.last = { output: null };
      } else {
        // A goto is not followed: where it leads depends on what fails in a real run.
        if (onError === 'fail') this.fails = true;
        this.settle(step, 'unresolved', 'completed');
      }
    }
  }

  private settle({ id }: CompiledStep, outcome: Outcome, status: string): void {
    if (outcome === 'unresolved') this.unresolved.add(id);
    else this.steps[id] = { status, output: outcome.output };
    if (this.block.steps.at(-1)?.id === id) this.last = outcome;
  }

  /** @throws what would fail the step */
  private async outcomeOf(step: CompiledStep, path: string, input: JsonObject): Promise<Outcome> {
    switch (step.type) {
      case 'transform':
        return { output: input.value ?? null };
      case 'event':
        readEvent(input);
        return 'unresolved';
      case 'http':
        this.parts.http.check(input);
        return 'unresolved';
      case 'integration':
        if (typeof input.integration !== 'string') throw invalid('integration must be text.');
        return 'unresolved';
      case 'data': {
        const capability = capabilityOf('data', input);
        if (!capability) throw invalid('action must be get, list, create, update, delete or query.');
        checkCapability(this.parts.agent, capability);
        return 'unresolved';
      }
      case 'agent':
        readCommand(input);
        return 'unresolved';
      case 'workflow':
        await this.checkChild(input);
        return 'unresolved';
      case 'wait':
        return input.duration !== undefined || input.until !== undefined ? { output: {} } : 'unresolved';
      case 'approval':
        return 'unresolved';
      case 'parallel':
        return this.parallel(step, path);
      case 'foreach':
        return this.foreach(step, path, input);
    }
  }

  private async parallel({ branches }: CompiledStep, path: string): Promise<Outcome> {
    const outputs: Record<string, Json> = {};
    let isKnown = true;
    for (const [name, block] of branches ?? []) {
      const outcome = await this.inner(block, `${path}.${name}.`);
      if (outcome === 'unresolved') isKnown = false;
      else outputs[name] = outcome.output;
    }
    return isKnown ? { output: outputs } : 'unresolved';
  }

  private async foreach({ body }: CompiledStep, path: string, { items }: JsonObject): Promise<Outcome> {
    if (!Array.isArray(items)) throw invalid('items must be a list.');
    if (items.length > LIMITS.foreachItems) {
      const detail = `items has ${items.length} items; ${LIMITS.foreachItems} are allowed.`;
      throw new StepFailure('step.items.too-many', detail);
    }
    const outputs: Json[] = [];
    let isKnown = items.length <= MAX_ITEMS;
    for (const [index, item] of items.slice(0, MAX_ITEMS).entries()) {
      if (!body) break;
      const outcome = await this.inner(body, `${path}[${index}].`, { item, index });
      if (outcome === 'unresolved') isKnown = false;
      else outputs.push(outcome.output);
    }
    return isKnown ? { output: outputs } : 'unresolved';
  }

  private async inner(block: CompiledBlock, prefix: string, more: Partial<RunScope> = {}): Promise<Outcome> {
    const inner = new DryBlock(this.parts, block, prefix, { ...this.scope, ...more }, this.unresolved);
    await inner.run();
    if (inner.fails) throw new InnerFailure();
    return inner.last;
  }

  private async checkChild({ workflow, version, input = {} }: JsonObject): Promise<void> {
    if (typeof workflow !== 'string') throw invalid('workflow must be the id or the name of a workflow.');
    const target = await this.parts.children.target(this.parts.agent.id, {
      ...(isUuid(workflow) ? { id: workflow } : { name: workflow }),
      version: typeof version === 'number' ? version : null,
    });
    if (!target) throw new AppError('workflow.not-found', `There is no workflow ${workflow}.`);
    const { validateInput } = this.parts.definitions.get(target.id, target.version, target.definition);
    checkInput(validateInput, input as JsonObject);
  }
}

/** A step inside of another would fail; it is told of itself. */
class InnerFailure extends Error {}

function invalid(detail: string): StepFailure {
  return new StepFailure('step.input.invalid', detail);
}
