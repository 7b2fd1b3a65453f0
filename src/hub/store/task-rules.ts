import type { Task } from '../../rpc/gen/cirrus_ci_service_pb.ts';

/** Seconds until the agent ends the task; the parser always sets the property (specification, section 9.1). */
export function timeoutSecondsOf(task: Task): number {
  const seconds = Number(task.metadata?.properties.timeout_in ?? '');
  return Number.isSafeInteger(seconds) && seconds > 0 ? seconds : 3600;
}

export function allowsFailures(task: Task): boolean {
  return task.metadata?.properties.allow_failures === 'true';
}

/** What a task says of when and how it may run (specification of the language, section 9.1). */
export interface TaskRules {
  /** Waits until somebody triggers it. */
  readonly manual: boolean;
  /** An interruption may leave something half done. */
  readonly stateful: boolean;
  /** May be cancelled for a newer build. */
  readonly autoCancel: boolean;
  /** Labels that a pull request needs before it runs. */
  readonly requiredLabels: readonly string[];
  /** Tasks of a repository with the same lock run one at a time; undefined for none. */
  readonly lock: string | undefined;
}

/** Names that make a task stateful unless it says otherwise. */
const STATEFUL_NAME = /deploy|push|publish|upload|release/i;

export function rulesOf(task: Task): TaskRules {
  const properties = task.metadata?.properties ?? {};
  const { trigger_type, stateful, auto_cancellation, required_pr_labels = '', execution_lock = '' } = properties;
  return {
    manual: trigger_type?.toLowerCase() === 'manual',
    stateful: stateful === undefined ? STATEFUL_NAME.test(task.name) : stateful === 'true',
    autoCancel: auto_cancellation === 'true',
    requiredLabels: required_pr_labels.split('\n').filter((label) => label !== ''),
    lock: execution_lock === '' ? undefined : execution_lock,
  };
}
