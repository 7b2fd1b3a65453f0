import type { PatternBudget } from '../condition/pattern-program.ts';
import type { Report } from '../report.ts';
import type { Variables } from '../variables.ts';

/** What every reader of a field needs to know about its surroundings. */
export interface Scope {
  readonly report: Report;
  readonly variables: Variables;
  /** Paths that the change touches, for `changesInclude`. */
  readonly affectedFiles: readonly string[];
  readonly patternBudget: PatternBudget;
}
