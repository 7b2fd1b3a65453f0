import { resolve } from 'node:path';
import type { PresetName } from '../../../src/supervisor/runner/presets.ts';

const FOLDER = resolve(import.meta.dir, '../fixtures/runners');
const BUN = process.execPath;

/** Runs a script of ours under the name that the real program has. */
function named(name: string, script: string, ...args: readonly string[]): readonly string[] {
  return ['/bin/bash', '-c', `exec -a ${name} "$0" "$@"`, BUN, `${FOLDER}/${script}`, ...args];
}

/** The command line of each stand-in, working in a folder. */
export const STAND_INS: Readonly<Record<Exclude<PresetName, 'none'>, (folder: string) => readonly string[]>> = {
  'github-actions': (folder) => [
    '/bin/bash',
    `${FOLDER}/github-actions.sh`,
    BUN,
    `${FOLDER}/github-actions.ts`,
    folder,
  ],
  buildkite: (folder) => named('/usr/local/bin/buildkite-agent', 'buildkite.ts', 'start', folder),
  gitlab: (folder) => named('/usr/local/bin/gitlab-runner', 'gitlab.ts', 'run', folder),
  forgejo: (folder) => named('/usr/local/bin/forgejo-runner', 'forgejo.ts', 'daemon', folder),
  cirrus: (folder) => named('/usr/local/bin/cirrus', 'cirrus.ts', 'worker', 'run', folder),
};
