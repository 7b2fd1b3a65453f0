import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AgentDeps } from '../../src/agent/run-agent.ts';
import type { Environment } from '../../src/platform/environment.ts';
import {
  type CacheInstructionSchema,
  type Command,
  CommandSchema,
  type ReportAgentFinishedRequest,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer } from './fake-agent-server.ts';
import type { FakeCacheServer } from './fake-cache-server.ts';
import { runTestAgent, TEST_ENVIRONMENT } from './run-test-agent.ts';

/** A cache instruction. */
export function cache(name: string, value: MessageInitShape<typeof CacheInstructionSchema>): Command {
  return create(CommandSchema, { name, instruction: { case: 'cacheInstruction', value } });
}

/** The upload of a cache, named as the parser of configurations names it. */
export function uploadOf(cacheName: string): Command {
  const instruction = { case: 'uploadCacheInstruction', value: { cacheName } } as const;
  return create(CommandSchema, { name: `Upload '${cacheName}' cache`, instruction });
}

export interface TaskResult {
  /** Last status of each command. */
  readonly results: Readonly<Record<string, string>>;
  log(command: string): string;
  readonly finished: ReportAgentFinishedRequest | undefined;
}

interface More {
  readonly environment?: Environment;
  readonly process?: Environment;
  readonly deps?: Partial<AgentDeps>;
  readonly signals?: Parameters<typeof runTestAgent>[3];
}

/** Runs one task with these commands in `FOLDER/work` against a cache server that outlives it. */
export async function runCacheTask(
  folder: string,
  caches: FakeCacheServer,
  commands: readonly Command[],
  { environment = {}, process = {}, deps = {}, signals = {} }: More = {},
): Promise<TaskResult> {
  mkdirSync(join(folder, 'work'), { recursive: true });
  const response = {
    serverToken: 'server secret',
    timeoutInSeconds: 60n,
    commands: [...commands],
    environment: { CIRRUS_TASK_NAME: 'test', ...environment },
  };
  await using server = new FakeAgentServer(response, caches.handlers);
  await server.start();
  const own = { ...TEST_ENVIRONMENT, HOME: join(folder, 'none'), ...process };
  const problem = await runTestAgent(server, folder, { process: own, deps }, signals);
  if (problem !== null) throw new Error(problem);
  const { results } = server;
  return { results, log: (command) => server.saved(command) ?? '', finished: server.finished.at(-1) };
}
