/** A repository that tasks clone from. */
export interface RepositoryName {
  /** Without credentials. */
  readonly url: string;
  /** `github.com`, with a port where it is not the usual one; empty for a folder. */
  readonly host: string;
  /** `acme/app`, deeper where the host has groups. */
  readonly fullName: string;
  readonly owner: string;
  readonly name: string;
}

/** A pull request, as the service that keeps the repository told of it. */
export interface PullRequestFacts {
  readonly number: number;
  readonly title: string;
  readonly body: string;
  readonly draft: boolean;
  readonly labels: readonly string[];
  readonly baseBranch: string;
  readonly baseRevision: string;
}

/** Where a build came from: what its tasks are told about it, and what decides about secrets. */
export interface BuildOrigin {
  readonly source: 'submit' | 'repository' | 'cron' | 'push' | 'pull_request';
  /** Undefined for a work tree. */
  readonly repository?: RepositoryName | undefined;
  readonly defaultBranch?: string | undefined;
  /** Set for a build of a tag, which then has no branch. */
  readonly tag?: string | undefined;
  /** Name of the cron that fired. */
  readonly cron?: string | undefined;
  readonly pullRequest?: PullRequestFacts | undefined;
  /** When the change was committed, in seconds since the epoch. */
  readonly changeTimestampS?: number | undefined;
  /** Whether whoever caused it may write to the repository; secrets are for those alone. */
  readonly trusted: boolean;
}

/** A work tree that somebody with a token sent. */
export const WORK_TREE: BuildOrigin = { source: 'submit', trusted: true };

/**
 * The names in a repository's address: `https://github.com/acme/app.git` is `acme/app` on `github.com`. Undefined for an
 * address that names none.
 */
export function repositoryName(url: string): RepositoryName | undefined {
  if (!URL.canParse(url)) return undefined;
  const { host, pathname, protocol } = new URL(url);
  const parts = pathname
    .replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .filter((part) => part !== '');
  const kept = protocol === 'file:' ? parts.slice(-2) : parts;
  const name = kept.at(-1);
  if (name === undefined) return undefined;
  const owner = kept.slice(0, -1).join('/');
  return { url, host, fullName: kept.join('/'), owner, name };
}
