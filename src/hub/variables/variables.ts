import type { BuildOrigin, PullRequestFacts } from './origin.ts';

export interface BuildFacts {
  readonly id: string;
  readonly branch: string;
  readonly revision: string;
  readonly message: string;
}

export interface TaskFacts {
  readonly id: string;
  readonly name: string;
  /** Position in the configuration, which parts of a split test suite share out their work by. */
  readonly groupId: number;
  /** Tasks of the build. */
  readonly siblings: number;
}

type Variables = Readonly<Record<string, string>>;

/** Leaves out what is not known: a variable that exists with an empty value means something else to agents. */
function known(values: Readonly<Record<string, string | undefined>>): Variables {
  return Object.fromEntries(
    Object.entries(values).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function pullRequestVariables({ number, title, body, draft, labels, baseBranch, baseRevision }: PullRequestFacts) {
  return known({
    CIRRUS_PR: String(number),
    CIRRUS_PR_TITLE: title,
    CIRRUS_PR_BODY: body,
    CIRRUS_PR_DRAFT: draft ? 'true' : undefined,
    CIRRUS_PR_LABELS: labels.join(','),
    CIRRUS_BASE_BRANCH: baseBranch,
    CIRRUS_BASE_SHA: baseRevision,
  });
}

function repositoryVariables({ repository }: BuildOrigin): Variables {
  const { host, url, owner, name, fullName } = repository ?? {
    owner: 'local',
    name: 'worktree',
    fullName: 'local/worktree',
  };
  return known({
    CIRRUS_REPO_CLONE_URL: url,
    CIRRUS_REPO_CLONE_HOST: host === '' ? undefined : host,
    CIRRUS_REPO_OWNER: owner,
    CIRRUS_REPO_NAME: name,
    CIRRUS_REPO_FULL_NAME: fullName,
  });
}

/**
 * What is known of a build before its tasks: conditions of the configuration may ask for these (agent specification,
 * section 5.1; the language, section 12). `CIRRUS_BRANCH` is `pull/N` for a pull request, and `CIRRUS_TAG` excludes it.
 */
export function buildVariables(origin: BuildOrigin, build: BuildFacts): Variables {
  const { tag, cron, defaultBranch, changeTimestampS, pullRequest, trusted, source } = origin;
  return {
    CI: 'true',
    CONTINUOUS_INTEGRATION: 'true',
    CIRRUS_CI: 'true',
    CIRRUS_ENVIRONMENT: 'pwagent',
    CIRRUS_BUILD_ID: build.id,
    CIRRUS_BUILD_SOURCE: source,
    CIRRUS_CHANGE_IN_REPO: build.revision,
    CIRRUS_CHANGE_MESSAGE: build.message,
    CIRRUS_CHANGE_TITLE: build.message.split('\n')[0] ?? '',
    CIRRUS_USER_COLLABORATOR: String(trusted),
    CIRRUS_USER_PERMISSION: trusted ? 'write' : 'read',
    ...repositoryVariables(origin),
    ...(pullRequest === undefined ? {} : pullRequestVariables(pullRequest)),
    ...known({
      CIRRUS_BRANCH: tag === undefined ? build.branch : undefined,
      CIRRUS_TAG: tag,
      CIRRUS_CRON: cron,
      CIRRUS_DEFAULT_BRANCH: defaultBranch,
      CIRRUS_CHANGE_TIMESTAMP: changeTimestampS === undefined ? undefined : String(changeTimestampS),
    }),
  };
}

/** What each task is told, below its own variables. */
export function taskVariables(origin: BuildOrigin, build: BuildFacts, task: TaskFacts): Variables {
  return {
    ...buildVariables(origin, build),
    CIRRUS_TASK_ID: task.id,
    CIRRUS_TASK_NAME: task.name,
    CI_NODE_INDEX: String(task.groupId),
    CI_NODE_TOTAL: String(task.siblings),
  };
}
