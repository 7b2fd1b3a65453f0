import { type AgentOptions, type AgentSignals, runAgent } from '../../src/agent/run-agent.ts';
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

/** Runs an agent in this process against a fake server; `folder` takes its working and temporary folders. */
export async function runTestAgent(
  server: FakeAgentServer,
  folder: string,
  more: Partial<AgentOptions> & { readonly process?: Environment } = {},
  signals: Partial<AgentSignals> = {},
): Promise<string | null> {
  const { process: environment = TEST_ENVIRONMENT, ...options } = more;
  const client = connect(parseEndpoint(server.endpoint), []);
  const deps = {
    client,
    clock: systemClock,
    random: () => 0.5,
    log: memoryLogger(),
    process: environment,
    temporary: folder,
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
