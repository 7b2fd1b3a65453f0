import type { InstallFacts, InstallOptions } from './facts.ts';
import { PATHS } from './paths.ts';
import { sha256Of } from './seen.ts';
import { describeStep, type Step } from './step.ts';
import { seenAt } from './want.ts';

/** Steps that end what an older set-up left: exactly what was listed. */
export function leftoverSteps({ leftovers }: InstallFacts): Step[] {
  const why = 'left by an older set-up';
  return leftovers.map((leftover): Step => {
    if (leftover.tag === 'file') return { tag: 'remove', path: leftover.path, why };
    const { pid, started, command } = leftover;
    return { tag: 'end', pid, started, command, why };
  });
}

/** What the operator should know beside the steps. */
export function remarksOf(facts: InstallFacts, options: InstallOptions): string[] {
  const { config, user, seen, leftovers } = facts;
  const remarks: string[] = [];
  for (const [path, given] of [
    [PATHS.config, options.configText],
    [config?.workerFile ?? PATHS.worker, options.workerText],
  ] as const) {
    const now = seenAt(seen, path);
    const other = now.kind !== 'absent' && (now.kind !== 'file' || now.sha256 !== sha256Of(given ?? ''));
    if (given !== undefined && other) remarks.push(`${path} is there already and was left as it is`);
  }
  if (config?.dedicated === false && !user.exists) {
    remarks.push(
      `set worker.dedicated: true in ${PATHS.config}: the account ${user.name} is made for the worker alone`,
    );
  }
  if (config === undefined && user.exists) {
    remarks.push(`the account ${user.name} was there before: worker.dedicated stays false`);
  }
  if (!user.exists && !facts.canMakeUser) {
    remarks.push(
      `the account ${user.name} cannot be made below ${facts.root}: run pwagent install on the machine itself`,
    );
  }
  if (options.token === undefined && seenAt(seen, config?.tokenFile ?? PATHS.token).kind === 'absent') {
    if (config?.builtin !== false) remarks.push('no token yet: give --token-source or --token-file');
  }
  if (!options.image && facts.instanceId === undefined) {
    remarks.push('no instance id, no marker: the supervisor is not armed, shutdown.command alone ends the machine');
  }
  if (!options.replace) {
    for (const step of leftoverSteps(facts))
      remarks.push(`an older set-up is here; --replace would ${describeStep(step)}`);
    if (leftovers.some(({ tag }) => tag === 'process')) {
      remarks.push('the supervisor is not started while the older set-up runs');
    }
  }
  return remarks;
}
