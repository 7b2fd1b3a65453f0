import { mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { errnoOf } from '../../platform/files.ts';
import { findProcess } from '../../platform/process-table.ts';
import { currentUser } from '../../platform/users.ts';

/** Name of the folder that compiler caches like to see again; specification of the worker, section 6.3. */
const STABLE_NAME = 'cirrus-build';

interface Owner {
  readonly pid: number;
  readonly started: string;
}

function thisProcess(): Owner {
  return { pid: process.pid, started: findProcess(process.pid)?.started ?? '' };
}

async function ownerLives(ownerFile: string): Promise<boolean> {
  try {
    const owner = JSON.parse(await readFile(ownerFile, 'utf8')) as Owner;
    return findProcess(owner.pid)?.started === owner.started;
  } catch {
    return false; // no owner file, or not ours to read: nobody who still runs made this folder
  }
}

/** Removes a stable folder that a crashed worker of the same user left. False when it is somebody's. */
async function reclaim(folder: string, ownerFile: string): Promise<boolean> {
  const { uid } = await stat(folder);
  if (uid !== currentUser().uid || (await ownerLives(ownerFile))) return false;
  await rm(folder, { recursive: true, force: true });
  return true;
}

async function takeStable(folder: string, ownerFile: string): Promise<boolean> {
  try {
    await mkdir(folder, { mode: 0o700 });
  } catch (error) {
    if (errnoOf(error) !== 'EEXIST' || !(await reclaim(folder, ownerFile))) return false;
    await mkdir(folder, { mode: 0o700 });
  }
  await writeFile(ownerFile, JSON.stringify(thisProcess()), { mode: 0o600 });
  return true;
}

/** A folder for one task. */
export interface WorkingFolder {
  readonly path: string;
  /** Removes it with all that is in it. */
  remove(): Promise<void>;
}

/**
 * Makes a private folder below `temporary`: the stable one when nobody holds it, so that compiler caches hit, else one
 * with a random name. A stable folder whose worker died is cleared and taken over.
 */
export async function makeWorkingFolder(temporary: string): Promise<WorkingFolder> {
  await mkdir(temporary, { recursive: true });
  const stable = join(temporary, STABLE_NAME);
  const ownerFile = `${stable}.owner`;
  const isStable = await takeStable(stable, ownerFile).catch(() => false); // a race lost: the random name serves
  const path = isStable ? stable : await mkdtemp(`${stable}-`);
  return {
    path,
    async remove() {
      await rm(path, { recursive: true, force: true, maxRetries: 3 });
      if (isStable) await rm(ownerFile, { force: true });
    },
  };
}
