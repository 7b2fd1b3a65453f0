import { spawnSync } from 'node:child_process';
import { programGap } from './requirement.ts';

const isRoot = process.geteuid?.() === 0;

/** Why a script cannot be run without the right to read and write everywhere; undefined when it can. */
export const asUserGap = () => (isRoot ? programGap('setpriv', 'util-linux') : undefined);

/** Runs a script of ours as a user: root drops the right to read and write everywhere. */
export function asUser(script: string, args: readonly string[]): { stdout: string; stderr: string } {
  const bound = isRoot ? ['setpriv', '--bounding-set=-dac_override,-dac_read_search'] : [];
  const [program = '', ...rest] = [...bound, process.execPath, script, ...args];
  const { stdout, stderr } = spawnSync(program, rest, { encoding: 'utf8', timeout: 30_000 });
  return { stdout, stderr };
}
