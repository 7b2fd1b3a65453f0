import { randomBytes } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Logger } from '../../lib/log.ts';
import type { Clock } from '../../platform/clock.ts';
import type { Environment } from '../../platform/environment.ts';
import { ensureWritableFolder, errnoOf, writeFileAtomically } from '../../platform/files.ts';
import { createGit, gitWorks } from './git.ts';
import { createGitService } from './git-service.ts';
import type { SourceAccess } from './source-access.ts';
import { checkSourceToken, type SourceGrant, signSourceToken } from './source-token.ts';
import { openTreeFolder, type StoredTree } from './tree-folder.ts';
import { namespaceOf, openTreeRepository } from './tree-repository.ts';

export interface SourceStoreOptions {
  /** `DIR/source` of the hub; made when missing. */
  readonly folder: string;
  /** Where tasks reach this hub, `http://host:port` without a slash at the end; known once the server listens. */
  readonly publicUrl: () => string;
  readonly clock: Clock;
  readonly log: Logger;
  /** For PATH, on which git is looked for. */
  readonly env: Environment;
  /** Largest work tree that is taken. Default 2 GiB. */
  readonly maxTreeBytes?: number;
}

export interface SourceStore extends SourceAccess {
  /** Whether work trees become commits; without git they are archives only. */
  readonly hasGit: boolean;
  /** Takes an uploaded work tree as a tar stream. Throws `AppError` (CONFIG) for one that is damaged or unsafe. */
  putTree(body: AsyncIterable<Uint8Array>, signal: AbortSignal): Promise<StoredTree>;
  hasTree(treeId: string): Promise<boolean>;
  /** Makes a revision of a stored tree: a commit, or the tree's own id without git. */
  commit(treeId: string, branch: string, message: string, signal: AbortSignal): Promise<string>;
  /** Removes trees that were stored a day ago or earlier and that nobody needs. Resolves with how many. */
  removeOldTrees(isNeeded: (treeId: string) => Promise<boolean>, signal: AbortSignal): Promise<number>;
  /** Removes what builds were seen as. */
  removeRevisions(builds: readonly { revision: string; branch: string }[], signal: AbortSignal): Promise<void>;
  /** Answers everything below `/git/` and `/archive/`. */
  handle(request: Request): Promise<Response>;
}

const DEFAULT_MAX_TREE_BYTES = 2 * 2 ** 30;
const MAX_GIT_CHILDREN = 8;

async function loadKey(path: string): Promise<Uint8Array> {
  try {
    const key = await readFile(path);
    if (key.length >= 32) return key;
  } catch (error) {
    if (errnoOf(error) !== 'ENOENT') throw error;
  }
  const key = randomBytes(32);
  await writeFileAtomically(path, key, 0o600);
  return key;
}

/** Name that goes with a token as password; the one that tokens of hosting services go with. */
const USER_NAME = 'x-access-token';

/** The token that a request for a repository brings as its password. */
function tokenOf(request: Request): string {
  const [, packed = ''] = /^Basic ([A-Za-z0-9+/=]+)$/.exec(request.headers.get('authorization') ?? '') ?? [];
  return Buffer.from(packed, 'base64')
    .toString()
    .replace(/^[^:]*:/, '');
}

/** Asks for the token; git sends what an address holds only when it is asked. */
function challenge(): Response {
  const headers = { 'content-type': 'text/plain; charset=utf-8', 'www-authenticate': 'Basic realm="pwagent"' };
  return new Response('a token is needed\n', { status: 401, headers });
}

/** The address with the token as its password, where agents keep it out of command lines. */
function withToken(url: string, token: string): string {
  const address = new URL(url);
  address.username = USER_NAME;
  address.password = token;
  return address.href;
}

/** Hides the token of `/archive/TOKEN.tar`, and of addresses as they once were, for log lines. */
export function redactSourcePath(path: string): string {
  return path.replace(/^\/archive\/[^/]+/, '/archive/***').replace(/^\/git\/[^/]+(?=\/repo\.git)/, '/git/***');
}

function refusal(kind: 'expired' | 'wrong'): Response {
  const why = kind === 'expired' ? 'this address has expired; run the build again' : 'this address is not valid';
  return new Response(`${why}\n`, { status: 403, headers: { 'content-type': 'text/plain; charset=utf-8' } });
}

/** Opens the store of work trees. Throws `AppError` or a system error when the folder cannot be used. */
export async function createSourceStore(options: SourceStoreOptions, signal: AbortSignal): Promise<SourceStore> {
  const { folder, publicUrl, clock, log } = options;
  await ensureWritableFolder(folder);
  const key = await loadKey(join(folder, 'key'));
  const trees = await openTreeFolder(
    join(folder, 'trees'),
    options.maxTreeBytes ?? DEFAULT_MAX_TREE_BYTES,
    clock.wallMs(),
  );
  const repositoryPath = join(folder, 'repo.git');
  const git = createGit(options.env.PATH ?? '', folder, repositoryPath);
  const hasGit = await gitWorks(git, signal);
  const repository = hasGit ? await openTreeRepository(git, repositoryPath, clock.wallMs(), signal) : undefined;
  if (!hasGit) log.warn('git was not found: tasks get the work tree as an archive, which only our own agent takes');
  const serveGit = createGitService({ git, repository: repositoryPath, log, maxChildren: MAX_GIT_CHILDREN });

  const serve = async (request: Request, rest: string, grant: SourceGrant): Promise<Response> => {
    if (rest.startsWith('/repo.git/')) {
      if (grant.revision === grant.treeId) return new Response('this build has no git repository\n', { status: 404 });
      return serveGit(request, rest.slice('/repo.git/'.length), namespaceOf(grant.revision, grant.branch));
    }
    const archive = rest === '' ? await trees.find(grant.treeId) : undefined;
    if (archive === undefined) return new Response('this work tree is not here any more\n', { status: 404 });
    return new Response(Bun.file(archive), { headers: { 'content-type': 'application/x-tar' } });
  };

  return {
    hasGit,
    async putTree(body, stop) {
      const stored = await trees.put(body, stop);
      const archive = await trees.find(stored.treeId);
      if (archive !== undefined) await repository?.importTree(stored.treeId, archive, stop);
      return stored;
    },
    hasTree: async (treeId) => (await trees.find(treeId)) !== undefined,
    async commit(treeId, branch, message, stop) {
      const archive = await trees.find(treeId);
      if (repository === undefined || archive === undefined) return treeId;
      await repository.importTree(treeId, archive, stop); // git may have come after the upload
      return repository.commit(treeId, { branch, message, atMs: clock.wallMs() }, stop);
    },
    async removeOldTrees(isNeeded, stop) {
      const gone: string[] = [];
      for await (const treeId of trees.old(clock.wallMs())) if (!(await isNeeded(treeId))) gone.push(treeId);
      for (const treeId of gone) await trees.remove(treeId);
      if (gone.length > 0) await repository?.remove(gone, [], stop);
      return gone.length;
    },
    async removeRevisions(builds, stop) {
      const commits = builds.filter(({ revision }) => /^[0-9a-f]{40}$/.test(revision));
      if (commits.length > 0) await repository?.remove([], commits, stop);
    },
    environmentFor(build, validForMs) {
      const grant = { buildId: build.id, treeId: build.treeId, branch: build.branch, revision: build.revision };
      const token = signSourceToken({ ...grant, expiresAtMs: clock.wallMs() + validForMs }, key);
      const cloneable = hasGit && build.revision !== build.treeId;
      const environment = {
        ...(cloneable ? { CIRRUS_REPO_CLONE_URL: withToken(`${publicUrl()}/git/repo.git`, token) } : {}),
        PWAGENT_SOURCE_ARCHIVE_URL: `${publicUrl()}/archive/${token}.tar`,
      };
      return { environment, secrets: [token] };
    },
    async handle(request) {
      const match = /^\/(?:git(\/repo\.git\/.*)|archive\/([^/]+)\.tar)$/.exec(new URL(request.url).pathname);
      if (match === null) return new Response('nothing is here\n', { status: 404 });
      const [, rest = '', token = tokenOf(request)] = match;
      if (token === '') return challenge();
      const checked = checkSourceToken(token, key, clock.wallMs());
      return checked.kind === 'valid' ? serve(request, rest, checked.grant) : refusal(checked.kind);
    },
  };
}
