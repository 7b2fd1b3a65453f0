import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gitEnvironment, hasGit } from '../instructions/git.ts';
import type { StepContext } from '../instructions/instruction.ts';
import { Program } from '../program/program.ts';

/** A larger work tree is looked at in part: reports whose files are beyond keep the paths that they gave. */
const MAX_FILES = 200_000;
const MAX_LIST_BYTES = 64 * 1024 * 1024;

/** Folders in which no source of the project lies. */
const SKIPPED = new Set(['.git', 'node_modules']);

async function trackedFiles(context: StepContext, signal: AbortSignal): Promise<string[] | undefined> {
  const { process, environment, workingFolder, clock } = context;
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  const keep = async (piece: Uint8Array) => {
    bytes += piece.length;
    if (bytes <= MAX_LIST_BYTES) pieces.push(Uint8Array.from(piece));
  };
  const argv = ['git', '-c', 'core.fsmonitor=false', 'ls-files', '-z'];
  const start = { argv, env: gitEnvironment(process, environment), cwd: workingFolder, mayEscape: false };
  const end = await (await Program.start(start, keep, clock)).wait(signal);
  if (end.tag !== 'exited' || end.code !== 0) return undefined;
  return Buffer.concat(pieces)
    .toString('utf8')
    .split('\0')
    .slice(0, MAX_FILES)
    .filter((path) => path !== '');
}

async function presentFiles(folder: string, signal: AbortSignal): Promise<string[]> {
  const files: string[] = [];
  const todo = [''];
  while (todo.length > 0 && files.length < MAX_FILES) {
    signal.throwIfAborted();
    const below = todo.pop() ?? '';
    for (const entry of await readdir(join(folder, below), { withFileTypes: true }).catch(() => [])) {
      const path = below === '' ? entry.name : `${below}/${entry.name}`;
      if (entry.isFile()) files.push(path);
      else if (entry.isDirectory() && !SKIPPED.has(entry.name)) todo.push(path);
    }
  }
  return files;
}

/** Files of the work tree, relative to it: those that git tracks, or without git those that are there. */
export async function workTreeFiles(context: StepContext, signal: AbortSignal): Promise<readonly string[]> {
  const tracked = (await hasGit(context, signal)) ? await trackedFiles(context, signal) : undefined;
  return tracked ?? presentFiles(context.workingFolder, signal);
}
