import { mkdir, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { Environment } from '../platform/environment.ts';
import { errnoOf } from '../platform/files.ts';
import { goArch, goOs } from '../platform/host.ts';
import { expandEnvironment } from './expansion.ts';

/** Chooses the folder that a task works in; specification of the agent, 5.1. It may not exist yet. */
export async function chooseWorkingFolder(choice: {
  readonly task: Environment;
  /** Made by a persistent worker. */
  readonly prepared: string | undefined;
  /** Whether an earlier agent of this task has run some commands already. */
  readonly continued: boolean;
  readonly taskId: string;
  readonly temporary: string;
}): Promise<string> {
  const { task, prepared, continued, taskId, temporary } = choice;
  if (task.CIRRUS_WORKING_DIR) return task.CIRRUS_WORKING_DIR;
  if (prepared) return prepared;
  const stable = join(temporary, 'cirrus-ci-build');
  try {
    await mkdir(stable);
    return stable;
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST') throw error;
  }
  return continued ? stable : mkdtemp(join(temporary, `cirrus-task-${taskId.replaceAll('/', '_')}`));
}

/**
 * The environment of a task as its scripts see it: the server's, with what the agent knows better, expanded. Values that
 * the server calls secret are taken literally. `process` is the agent's own environment.
 */
export function taskEnvironment(
  server: Environment,
  process: Environment,
  known: { readonly taskId: string; readonly workingFolder: string; readonly secrets: readonly string[] },
): Environment {
  const os = goOs();
  const secret = new Set(known.secrets);
  const literal = Object.entries(server).flatMap(([name, value]) => (secret.has(value) ? [name] : []));
  const merged = {
    CIRRUS_TASK_ID: known.taskId,
    ...(process.OS === undefined ? { OS: os } : {}),
    ...server,
    CIRRUS_OS: os,
    CIRRUS_ARCH: goArch(),
    CIRRUS_WORKING_DIR: known.workingFolder,
  };
  return expandEnvironment(merged, process, new Set(literal));
}
