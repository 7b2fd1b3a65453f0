import type { AgentSignals } from '../../src/agent/carry-out.ts';
import { type AgentDeps, type AgentOptions, type AgentResult, runAgent } from '../../src/agent/run-agent.ts';
import { SecretSet } from '../../src/agent/secret-set.ts';
import { systemClock } from '../../src/platform/clock.ts';
import type { Environment } from '../../src/platform/environment.ts';
import { connect } from '../../src/rpc/client.ts';
import { parseEndpoint } from '../../src/rpc/endpoint.ts';
import type { FakeAgentServer } from './fake-agent-server.ts';
import { memoryLogger } from './logger.ts';

const NEVER = new AbortController().signal;

/** What scripts of tests find around them. */
export const TEST_ENVIRONMENT: Environment = {
  PATH: process.env.PATH ?? '/usr/bin:/bin',
  HOME: process.env.HOME ?? '/',
};

type More = Partial<AgentOptions> & { readonly process?: Environment; readonly deps?: Partial<AgentDeps> };

/** Runs an agent in this process against a fake server; `folder` takes its working and temporary folders. */
export async function agentResult(
  server: FakeAgentServer,
  folder: string,
  more: More = {},
  signals: Partial<AgentSignals> = {},
): Promise<AgentResult> {
  // no home: the agent puts a socket there where there is one
  const {
    process: environment = { ...TEST_ENVIRONMENT, HOME: `${folder}/none` },
    deps: moreDeps = {},
    ...options
  } = more;
  const client = connect(parseEndpoint(server.endpoint), []);
  const deps: AgentDeps = {
    client,
    dial: (endpoint: string) => connect(parseEndpoint(endpoint), []),
    clock: systemClock,
    random: () => 0.5,
    log: memoryLogger(),
    ownLog: () => '',
    secrets: new SecretSet(),
    process: environment,
    temporary: folder,
    loadSources: [],
    expose: () => {},
    watch: () => () => {},
    ...moreDeps,
  };
  const all: AgentOptions = {
    apiEndpoint: server.endpoint,
    taskId: '42',
    serverToken: 'server secret',
    clientToken: 'client secret',
    commandFrom: '',
    commandTo: '',
    workingDirectory: `${folder}/work`,
    ...options,
  };
  try {
    return await runAgent(all, deps, { cancel: NEVER, abandon: NEVER, ...signals });
  } finally {
    client.close();
  }
}

/** The same for tests that only want to know whether the task was carried through. */
export async function runTestAgent(...args: Parameters<typeof agentResult>): Promise<string | null> {
  return (await agentResult(...args)).problem;
}
