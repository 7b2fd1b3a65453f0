import { AppError } from '../../lib/errors.ts';
import { printable } from '../../lib/printable.ts';

/** Foreign text, as a sentence may hold it. */
export function shown(text: string): string {
  return printable(text, 200);
}

const MOST_SHOWN = 10;

/** `a, b and 3 more`; `nothing` for none. */
export function listed(items: readonly string[]): string {
  if (items.length === 0) return 'nothing';
  const head = items.slice(0, MOST_SHOWN).map(shown).join(', ');
  return items.length > MOST_SHOWN ? `${head} and ${items.length - MOST_SHOWN} more` : head;
}

/** The worker's owner has not allowed it. `rule` says which rule and what it allows; `remedy` names the key to write. */
export function forbidden(what: string, rule: string, remedy: string): AppError {
  return new AppError('NO_PERMISSION', `the security settings of this worker forbid ${what}: ${rule}`, {
    hint: `to allow it, ${remedy} in the worker's configuration`,
  });
}

/** What is asked for makes no sense on any worker. */
export function impossible(problem: string, hint?: string): AppError {
  return new AppError('CONFIG', `invalid isolation: ${problem}`, { hint });
}
