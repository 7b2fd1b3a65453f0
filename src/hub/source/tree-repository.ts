import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { readTar } from '../../lib/tar-reader.ts';
import { fastImportOf } from './fast-import.ts';
import type { Git } from './git.ts';
import { STALE_MS } from './tree-folder.ts';

export interface CommitRequest {
  readonly branch: string;
  readonly message: string;
  /** Wall time in milliseconds. */
  readonly atMs: number;
}

/** The bare repository in which each build's work tree is a commit. */
export interface TreeRepository {
  /** Makes sure that the tree of this archive is in the repository. Doing it again costs next to nothing. */
  importTree(treeId: string, archive: string, signal: AbortSignal): Promise<void>;
  /** Makes a commit of an imported tree, seen as `branch` in a namespace of its own. Returns its id. */
  commit(treeId: string, request: CommitRequest, signal: AbortSignal): Promise<string>;
  /** Forgets trees, and builds as they were seen; their space comes back by and by. */
  remove(
    treeIds: readonly string[],
    builds: readonly { readonly revision: string; readonly branch: string }[],
    signal: AbortSignal,
  ): Promise<void>;
}

/**
 * Where builds cannot see each other: git serves a namespace as if it were the whole repository. Two builds of one
 * tree within a second are the same commit, so the branch counts too.
 */
export function namespaceOf(revision: string, branch: string): string {
  return `${revision}-${createHash('sha256').update(branch).digest('hex').slice(0, 16)}`;
}

function treeRef(treeId: string): string {
  return `refs/pwagent/trees/${treeId}`;
}

function identity(atMs: number): Record<string, string> {
  const date = `@${Math.floor(atMs / 1_000)} +0000`;
  return {
    GIT_AUTHOR_NAME: 'pwagent',
    GIT_AUTHOR_EMAIL: 'pwagent@localhost',
    GIT_AUTHOR_DATE: date,
    GIT_COMMITTER_NAME: 'pwagent',
    GIT_COMMITTER_EMAIL: 'pwagent@localhost',
    GIT_COMMITTER_DATE: date,
  };
}

async function prepare(git: Git, repository: string, wallMs: number, signal: AbortSignal): Promise<void> {
  await git.run(['init', '--quiet', '--bare', '--template=', repository], {}, signal);
  await git.run(['config', 'gc.auto', '0'], {}, signal); // objects that no ref names yet are in use here
  await git.run(['config', 'pack.compression', '1'], {}, signal); // an upload waits for it
  await git.run(['config', 'core.bigFileThreshold', '4m'], {}, signal); // larger ones are streamed, not held in memory
  await git.run(['config', 'uploadpack.allowTipSHA1InWant', 'true'], {}, signal);
  await git.run(['config', 'uploadpack.allowReachableSHA1InWant', 'true'], {}, signal);
  const packs = join(repository, 'objects/pack');
  for (const name of await readdir(packs)) {
    const path = join(packs, name);
    // another hub may share the repository, and write one right now
    const isOld = async () => wallMs - (await stat(path)).mtimeMs > STALE_MS;
    if (name.startsWith('tmp_') && (await isOld().catch(() => false))) await rm(path, { force: true });
  }
}

/** Makes the repository when missing; safe to repeat. `wallMs` is now. Throws `AppError` when git fails. */
export async function openTreeRepository(
  git: Git,
  repository: string,
  wallMs: number,
  signal: AbortSignal,
): Promise<TreeRepository> {
  await prepare(git, repository, wallMs, signal);
  const known = new Set<string>();
  return {
    async importTree(treeId, archive, stop) {
      if (known.has(treeId)) return;
      const refs = await git.run(['for-each-ref', '--format=%(refname)', treeRef(treeId)], {}, stop);
      if (refs === '') {
        const input = fastImportOf(treeRef(treeId), readTar(createReadStream(archive)));
        await git.run(['fast-import', '--quiet', '--done'], { input }, stop);
      }
      known.add(treeId);
    },
    async commit(treeId, { branch, message, atMs }, stop) {
      const options = { env: identity(atMs), input: [new TextEncoder().encode(message)] };
      const revision = await git.run(['commit-tree', `${treeRef(treeId)}^{tree}`], options, stop);
      const refs = `refs/namespaces/${namespaceOf(revision, branch)}`;
      await Promise.all([
        git.run(['update-ref', `${refs}/refs/heads/${branch}`, revision], {}, stop),
        git.run(['symbolic-ref', `${refs}/HEAD`, `${refs}/refs/heads/${branch}`], {}, stop),
      ]);
      return revision;
    },
    async remove(treeIds, builds, stop) {
      for (const treeId of treeIds) known.delete(treeId);
      const seen = builds.map(({ revision, branch }) => `refs/namespaces/${namespaceOf(revision, branch)}`);
      const deletions = [
        ...treeIds.map((treeId) => `delete ${treeRef(treeId)}\n`),
        ...seen.flatMap((refs, index) => `delete ${refs}/refs/heads/${builds[index]?.branch}\n`),
      ];
      await git.run(['update-ref', '--stdin'], { input: [new TextEncoder().encode(deletions.join(''))] }, stop);
      for (const refs of seen) await rm(join(repository, refs), { recursive: true, force: true }); // HEAD
      // a day: what is new may be an upload of which no ref tells yet
      await git.run(['gc', '--quiet', '--prune=1.day.ago'], {}, stop);
    },
  };
}
