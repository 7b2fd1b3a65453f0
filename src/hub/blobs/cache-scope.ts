/** Where a task looks for caches and where it leaves them. */
export interface CacheScopes {
  /** The only scope that its caches go to. */
  readonly write: string;
  /** Scopes that it looks into, in this order. */
  readonly read: readonly string[];
}

/**
 * Caches belong to a repository. A pull request writes into a scope of its own and reads that of its repository behind
 * it: it starts warm, but nothing that it leaves, whoever sent it, is ever found by a build of a branch or by another
 * pull request. `repository` is `owner/name`, and empty for work trees that people submit.
 */
export function cacheScopesOf(build: {
  readonly repository: string;
  readonly pullRequest: number | null;
}): CacheScopes {
  const base = `repository ${build.repository || 'local/worktree'}`;
  if (build.pullRequest === null) return { write: base, read: [base] };
  const own = `${base} pull request ${build.pullRequest}`;
  return { write: own, read: [own, base] };
}
