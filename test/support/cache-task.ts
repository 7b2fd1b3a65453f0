import { afterEach, beforeEach } from 'bun:test';
import { mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { create, type MessageInitShape } from '@bufbuild/protobuf';
import type { AgentDeps } from '../../src/agent/run-agent.ts';
import { type Clock, systemClock } from '../../src/platform/clock.ts';
import type { Environment } from '../../src/platform/environment.ts';
import {
  type CacheInstructionSchema,
  type Command,
  CommandSchema,
  type ReportAgentFinishedRequest,
} from '../../src/rpc/gen/cirrus_ci_service_pb.ts';
import { FakeAgentServer } from './fake-agent-server.ts';
import { FakeCacheServer } from './fake-cache-server.ts';
import { runTestAgent, TEST_ENVIRONMENT } from './run-test-agent.ts';
import { tempFolder } from './temp-folder.ts';

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

/** Pauses between attempts are not what these tests are about. */
const HASTY: Clock = { ...systemClock, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 2), signal) };

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
  const problem = await runTestAgent(server, folder, { process: own, deps: { clock: HASTY, ...deps } }, signals);
  if (problem !== null) throw new Error(problem);
  const { results } = server;
  return { results, log: (command) => server.saved(command) ?? '', finished: server.finished.at(-1) };
}

/** What fills the folder `deps` with one file. */
export const FILL: string[] = ['mkdir -p deps', 'echo one > deps/a'];

export const UPLOAD = "Upload 'deps' cache";

/** A folder and a cache server for each test of a file. */
export function cacheFixture() {
  let folder: ReturnType<typeof tempFolder>;
  let caches: FakeCacheServer;
  beforeEach(() => {
    folder = tempFolder();
    caches = new FakeCacheServer();
  });
  afterEach(async () => {
    await caches[Symbol.asyncDispose]();
    folder[Symbol.dispose]();
  });
  const work = (path: string) => join(folder.path, 'work', path);
  const run = (commands: readonly Command[], more: More = {}) => runCacheTask(folder.path, caches, commands, more);
  const freshWork = () => {
    rmSync(work('.'), { recursive: true, force: true });
    mkdirSync(work('.'));
  };
  return {
    get folder() {
      return folder.path;
    },
    get caches() {
      return caches;
    },
    work,
    run,
    freshWork,
    /** Stores `deps` with these files under a key, as an earlier task. */
    async stored(fingerprintKey: string, populateScripts = FILL): Promise<void> {
      const value = { folders: ['deps'], fingerprintKey, populateScripts: [...populateScripts] };
      await run([cache('deps', value), uploadOf('deps')]);
      freshWork();
      caches.calls.length = 0;
    },
  };
}
