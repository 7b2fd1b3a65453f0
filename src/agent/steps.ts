import { AppError } from '../lib/errors.ts';
import { Command_CommandExecutionBehavior as Behaviour, type Command } from '../rpc/gen/cirrus_ci_service_pb.ts';

/**
 * The commands from `from` (inclusive) to `to` (exclusive), by name; an unknown or empty name means the end of the
 * list on that side, and of several with one name the last counts. Throws `AppError` when the range is backwards.
 */
export function commandRange(commands: readonly Command[], from: string, to: string): readonly Command[] {
  const indexOf = (name: string) => (name === '' ? -1 : commands.findLastIndex((command) => command.name === name));
  const start = Math.max(0, indexOf(from));
  const end = indexOf(to) < 0 ? commands.length : indexOf(to);
  if (end >= start) return commands.slice(start, end);
  if (indexOf(from) < 0) return [];
  throw new AppError('USAGE', `-command-to ${to} comes before -command-from ${from}`, { hint: 'exchange the two' });
}

/** Where a task stands when it is decided whether its next step runs. */
export interface Progress {
  readonly failed: boolean;
  readonly timedOut: boolean;
  readonly cancelled: boolean;
}

/**
 * Whether a step runs. One that needs success still "runs" after a timeout or cancel that no step has noticed: it fails
 * at once, so that the task does. What shall only help after a failure does not hold up a cancel.
 */
export function shouldRun(behaviour: Behaviour, { failed, timedOut, cancelled }: Progress): boolean {
  switch (behaviour) {
    case Behaviour.ON_FAILURE:
      return failed && !cancelled;
    case Behaviour.ALWAYS:
      return true;
    case Behaviour.ON_TIMEOUT:
      return timedOut;
    default:
      return !failed; // ON_SUCCESS, and numbers that a newer server may send
  }
}

/** What ends a step early: the task's own limits, or only the window that clean-up gets after those. */
export type Patience = 'task' | 'until-cancel' | 'grace';

export function patienceOf(behaviour: Behaviour): Patience {
  if (behaviour === Behaviour.ALWAYS || behaviour === Behaviour.ON_TIMEOUT) return 'grace';
  return behaviour === Behaviour.ON_FAILURE ? 'until-cancel' : 'task';
}
