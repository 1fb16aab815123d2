import type { CompiledBlock, CompiledStep } from '../workflows/definition';

/** What follows from the form of a block alone; made once per block. */
export class BlockPlan {
  readonly byId: ReadonlyMap<string, CompiledStep>;
  private readonly dependants = new Map<string, CompiledStep[]>();
  private readonly downstream = new Map<string, ReadonlySet<string>>();

  private constructor(block: CompiledBlock) {
    this.byId = new Map(block.steps.map((step) => [step.id, step]));
    for (const step of block.steps) {
      for (const need of step.needs) {
        const known = this.dependants.get(need);
        if (known) known.push(step);
        else this.dependants.set(need, [step]);
      }
    }
  }

  static of(block: CompiledBlock): BlockPlan {
    let plan = PLANS.get(block);
    if (!plan) PLANS.set(block, (plan = new BlockPlan(block)));
    return plan;
  }

  /** The steps that need this one. */
  dependantsOf(id: string): readonly CompiledStep[] {
    return this.dependants.get(id) ?? NONE;
  }

  /** Every step that comes after this one, however many steps lie between; without itself. */
  after(id: string): ReadonlySet<string> {
    const known = this.downstream.get(id);
    if (known) return known;
    const found = new Set<string>();
    const open = [id];
    for (let next = open.pop(); next !== undefined; next = open.pop()) {
      for (const dependant of this.dependantsOf(next)) {
        if (found.has(dependant.id)) continue;
        found.add(dependant.id);
        open.push(dependant.id);
      }
    }
    this.downstream.set(id, found);
    return found;
  }
}

const PLANS = new WeakMap<CompiledBlock, BlockPlan>();
const NONE: readonly CompiledStep[] = [];
