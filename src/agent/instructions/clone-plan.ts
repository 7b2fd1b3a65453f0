import type { Environment } from '../../platform/environment.ts';

/** What to fetch and what to check out; specification of the agent, 7.2. */
export interface ClonePlan {
  /** For people: `branch main`, `pull request 7`, `tag v1`. */
  readonly what: string;
  /** Reference on the server that is fetched when the commit alone cannot be had. */
  readonly remoteRef: string;
  /** Where the fetched reference is remembered. */
  readonly localRef: string;
  /** The commit to end up on; undefined for whatever the reference is at now. */
  readonly revision: string | undefined;
  /** Local branch to stand on; undefined for a detached head. */
  readonly branch: string | undefined;
  /** Commits to fetch; 0 means the full history. */
  readonly depth: number;
  readonly tags: boolean;
  readonly submodules: boolean;
}

function depthOf(text: string | undefined): number {
  return text !== undefined && /^\d{1,9}$/.test(text.trim()) ? Number(text) : 0;
}

/** Reads the plan from the variables of a task. */
export function planClone(environment: Environment): ClonePlan {
  const depth = depthOf(environment.CIRRUS_CLONE_DEPTH);
  const revision = environment.CIRRUS_CHANGE_IN_REPO || undefined;
  const options = {
    tags: environment.CIRRUS_CLONE_TAGS === 'true',
    submodules: environment.CIRRUS_CLONE_SUBMODULES === 'true',
  };
  const { CIRRUS_PR: pull, CIRRUS_TAG: tag, CIRRUS_BRANCH: branch } = environment;
  if (pull) {
    const merged = environment.CIRRUS_RESOLUTION_STRATEGY === 'MERGE_FOR_PRS';
    return {
      ...options,
      what: `pull request ${pull}`,
      remoteRef: `refs/pull/${pull}/${merged ? 'merge' : 'head'}`,
      localRef: `refs/remotes/origin/pull/${pull}`,
      revision: merged ? undefined : revision, // the merge is a commit that only the server knows
      branch: undefined,
      depth: merged && depth > 0 ? depth + 1 : depth,
    };
  }
  if (tag) {
    const ref = `refs/tags/${tag}`;
    return {
      ...options,
      tags: true,
      what: `tag ${tag}`,
      remoteRef: ref,
      localRef: ref,
      revision,
      branch: undefined,
      depth,
    };
  }
  const [remoteRef, localRef] = !branch
    ? ['HEAD', 'refs/remotes/origin/HEAD']
    : [`refs/heads/${branch}`, `refs/remotes/origin/${branch}`];
  return {
    ...options,
    what: !branch ? 'the default branch' : `branch ${branch}`,
    remoteRef,
    localRef,
    revision,
    branch: branch || undefined,
    depth,
  };
}
