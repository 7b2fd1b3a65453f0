import { AppError } from '../../lib/errors.ts';
import { isBranchName } from './work-tree-rules.ts';

/** What somebody wants built. */
export interface WantedRevision {
  readonly url: string;
  /** A commit, or the name of a branch or tag; undefined for the newest of the branch. */
  readonly rev?: string | undefined;
  /** The branch that the commit is on; undefined to find out. */
  readonly branch?: string | undefined;
  /** Undefined for the usual names. */
  readonly configPath?: string | undefined;
}

/** What the remote side says it is. */
export interface Remote {
  readonly revision: string;
  readonly branch: string;
  readonly tag: string | undefined;
  readonly defaultBranch: string | undefined;
}

interface Listed {
  readonly refs: ReadonlyMap<string, string>;
  /** What HEAD stands for. */
  readonly head: string | undefined;
}

/** Reads the output of `git ls-remote --symref`. A line that the bound on output has cut short is left out. */
export function parseRefs(text: string): Listed {
  const refs = new Map<string, string>();
  let head: string | undefined;
  for (const line of text.split('\n')) {
    const symbolic = /^ref: refs\/heads\/(\S+)\tHEAD$/.exec(line)?.[1];
    if (symbolic !== undefined) head = symbolic;
    const [, sha, name] = /^([0-9a-f]{40}|[0-9a-f]{64})\t(\S+)$/.exec(line) ?? [];
    if (sha !== undefined && name !== undefined) refs.set(name, sha);
  }
  return { refs, head };
}

const COMMIT = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/;

/** Names that git takes as they stand: nothing that looks like an option or a pattern. */
function checkName(name: string): string {
  if (isBranchName(name)) return name;
  throw new AppError('CONFIG', `"${name.slice(0, 100)}" is not the name of a branch or tag`, {
    hint: 'give a full commit id of 40 digits, a branch or a tag',
  });
}

function notThere(what: string): AppError {
  return new AppError('CONFIG', `the repository has no ${what}`, { hint: 'check --rev and --branch' });
}

/** The branch whose newest commit it is, the default one first. */
function branchOf(revision: string, { refs, head }: Listed): string | undefined {
  if (head !== undefined && refs.get(`refs/heads/${head}`) === revision) return head;
  for (const [name, sha] of refs) if (sha === revision && name.startsWith('refs/heads/')) return name.slice(11);
  return undefined;
}

/** Finds out which commit is meant. `list` asks the remote side for refs by pattern, as text of `ls-remote --symref`. */
export async function chooseRevision(
  list: (patterns: readonly string[]) => Promise<string>,
  { rev, branch }: WantedRevision,
): Promise<Remote> {
  if (rev !== undefined && COMMIT.test(rev)) {
    const listed = parseRefs(await list(branch === undefined ? ['HEAD', 'refs/heads/*'] : ['HEAD']));
    const onBranch = branch === undefined ? branchOf(rev, listed) : checkName(branch);
    return { revision: rev, branch: onBranch ?? listed.head ?? 'main', tag: undefined, defaultBranch: listed.head };
  }
  const name = rev ?? branch;
  const wanted =
    name === undefined ? [] : [`refs/heads/${checkName(name)}`, `refs/tags/${name}`, `refs/tags/${name}^{}`];
  const { refs, head } = parseRefs(await list(['HEAD', ...wanted]));
  if (name === undefined) {
    const revision = refs.get('HEAD');
    if (revision === undefined || head === undefined) throw notThere('branch that HEAD stands for');
    return { revision, branch: head, tag: undefined, defaultBranch: head };
  }
  const ofBranch = refs.get(`refs/heads/${name}`);
  if (ofBranch !== undefined) return { revision: ofBranch, branch: name, tag: undefined, defaultBranch: head };
  const ofTag = refs.get(`refs/tags/${name}^{}`) ?? refs.get(`refs/tags/${name}`);
  if (ofTag === undefined || rev === undefined)
    throw notThere(rev === undefined ? `branch ${name}` : `branch or tag ${name}`);
  return { revision: ofTag, branch: name, tag: name, defaultBranch: head };
}
