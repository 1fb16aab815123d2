import type { StepStatus } from '@agent-platform/contracts';
import { BlockPlan } from '../engine/block-plan';
import type { CompiledBlock, CompiledStep } from '../workflows/definition';

/** What is known of a step of the run that is tried again. */
export interface RecordedStep {
  readonly path: string;
  readonly type: string;
  readonly status: StepStatus;
}

/** A record to take over, and the path that it gets in the new run. */
export interface ReusedStep {
  readonly from: string;
  readonly to: string;
}

interface Plan {
  /** The path that the new run starts from, without visits; undefined: from whatever has no result. */
  readonly from: string | undefined;
  /** Whether the items of loops are surely the same. */
  readonly sameInput: boolean;
}

/** A path without the visits of gotos: `fan#2[3].call#4` is `fan[3].call`. */
export function plainPath(path: string): string {
  return path.replace(/#\d+/g, '');
}

/** The step of a definition at a plain path. */
export function findStep(block: CompiledBlock, path: string): CompiledStep | undefined {
  const [, id = '', rest = ''] = /^([^.[]+)(.*)$/.exec(path) ?? [];
  const step = block.steps.find((candidate) => candidate.id === id);
  if (rest === '' || !step) return step;
  const inItem = /^\[\d+\]\.(.+)$/.exec(rest)?.[1];
  if (inItem !== undefined) return step.body && findStep(step.body, inItem);
  const [, branch = '', inBranch = ''] = /^\.([^.]+)\.(.+)$/.exec(rest) ?? [];
  const inner = step.branches?.get(branch);
  return inner && findStep(inner, inBranch);
}

/**
 * Which results of a run a new run of the same or a newer version takes over: of every step that stands at the same place
 * with the same type, has a result, and comes neither from nor after the step to start again from, nor after one without a
 * result. A step whose effect was undone has none.
 */
export function reusableSteps(block: CompiledBlock, recorded: readonly RecordedStep[], plan: Plan): ReusedStep[] {
  return new Reuse(recorded, plan).block(block, '');
}

class Reuse {
  /** By plain path, the record of the latest visit. */
  private readonly latest = new Map<string, RecordedStep>();
  private readonly undone: string[] = [];

  constructor(
    recorded: readonly RecordedStep[],
    private readonly plan: Plan,
  ) {
    for (const step of recorded) {
      const plain = plainPath(step.path);
      if (plain.endsWith(':compensate')) {
        if (step.status === 'completed') this.undone.push(plain.slice(0, -':compensate'.length));
        continue;
      }
      const known = this.latest.get(plain);
      if (!known || isLater(step.path, known.path)) this.latest.set(plain, step);
    }
  }

  block(block: CompiledBlock, prefix: string): ReusedStep[] {
    const steps = BlockPlan.of(block);
    const again = new Set(block.steps.filter((step) => !this.hasResult(step, prefix + step.id)).map(({ id }) => id));
    const later = new Set([...again].flatMap((id) => [...steps.after(id)]));
    return block.steps.flatMap((step) => {
      const path = prefix + step.id;
      if (later.has(step.id)) return [];
      return again.has(step.id) ? this.inside(step, path) : this.whole(path);
    });
  }

  private hasResult(step: CompiledStep, path: string): boolean {
    const { from } = this.plan;
    if (from !== undefined && (from === path || isInside(from, path))) return false;
    if (this.undone.some((undone) => undone === path || isInside(undone, path))) return false;
    const { type, status } = this.latest.get(path) ?? {};
    if (type !== step.type) return false;
    return status === 'completed' || status === 'skipped' || (status === 'failed' && step.onError === 'continue');
  }

  /** A step with everything inside of it. */
  private whole(path: string): ReusedStep[] {
    return [...this.latest].flatMap(([plain, { path: from, status }]) =>
      plain === path || (isInside(plain, path) && isOver(status)) ? [{ from, to: plain }] : [],
    );
  }

  /** What can be kept inside of a step that itself runs again. */
  private inside({ branches, body }: CompiledStep, path: string): ReusedStep[] {
    if (this.plan.from === path) return [];
    const kept = [...(branches ?? [])].flatMap(([name, block]) => this.block(block, `${path}.${name}.`));
    if (!body || !this.plan.sameInput) return kept;
    const items = new Set<string>();
    for (const plain of this.latest.keys()) {
      const item = plain.startsWith(`${path}[`) ? /^\[\d+\]\./.exec(plain.slice(path.length))?.[0] : undefined;
      if (item !== undefined) items.add(item);
    }
    return [...items].flatMap((item) => this.block(body, path + item));
  }
}

function isInside(path: string, container: string): boolean {
  return path.startsWith(`${container}.`) || path.startsWith(`${container}[`);
}

function isOver(status: StepStatus): boolean {
  return status === 'completed' || status === 'skipped' || status === 'failed';
}

/** Whether a path is of a later visit than another of the same step. */
function isLater(path: string, other: string): boolean {
  const visits = (text: string) => text.split(/[.[]/).map((part) => Number(/#(\d+)/.exec(part)?.[1] ?? 1));
  const [mine, theirs] = [visits(path), visits(other)];
  const at = mine.findIndex((visit, index) => visit !== theirs[index]);
  return at >= 0 && (mine[at] ?? 0) > (theirs[at] ?? 0);
}
