import type { WhyView } from '../../hub/model.ts';
import { table } from './table.ts';

function pairs(map: Readonly<Record<string, unknown>>): string {
  return Object.entries(map)
    .map(([name, value]) => `${name}=${value}`)
    .join(' ');
}

/** What stands below the reason: labels and resources that lack, the place in line, what it waits for. */
function detailsOf(why: WhyView): string[] {
  const { position, lock, failsAt } = why;
  const lines: string[] = [];
  for (const { name, value, offered } of why.missingLabels) {
    const instead = offered.length === 0 ? 'no worker has such a label' : `workers have ${offered.join(', ')}`;
    lines.push(`label ${name}=${value}: ${instead}`);
  }
  for (const { name, wanted, largest } of why.missingResources) {
    lines.push(`resource ${name}: wants ${wanted}, the most that a matching worker has is ${largest}`);
  }
  for (const { id, name, status } of why.waitsFor) lines.push(`waits for "${name}" (${id}), which is ${status}`);
  if (lock !== null) lines.push(`lock "${lock.name}" is held by ${lock.heldBy}`);
  if (why.missingPullRequestLabels.length > 0) {
    lines.push(`its pull request lacks: ${why.missingPullRequestLabels.join(', ')}`);
  }
  if (position !== null)
    lines.push(`place ${position.exact ? '' : 'about '}${position.place} of ${position.of} in line`);
  for (const { pool, at, note } of why.capacityExpected) {
    lines.push(`pool ${pool} expects capacity at ${at}${note === '' ? '' : ` (${note})`}`);
  }
  if (failsAt !== null) lines.push(`fails at ${failsAt} unless a worker for it comes`);
  return lines;
}

/** The reason in a sentence, then what it is made of, then the workers with all its labels. */
export function describeWhy(why: WhyView, colour: boolean): string {
  const lines = [why.reason, ...detailsOf(why).map((line) => `  ${line}`)].map((line) => `${line}\n`).join('');
  if (why.workers.length === 0) return lines;
  const rows = why.workers.map(({ name, pool, state, largeEnough, running, resources }) => [
    ...[name, pool, state, largeEnough ? 'yes' : 'no', pairs(resources), running.join(' ')],
  ]);
  const more = why.matchingWorkers - why.workers.length;
  const rest = more > 0 ? `and ${more} more\n` : '';
  return `${lines}\n${table(['WORKER', 'POOL', 'STATE', 'LARGE ENOUGH', 'RESOURCES', 'RUNNING'], rows, colour)}${rest}`;
}
